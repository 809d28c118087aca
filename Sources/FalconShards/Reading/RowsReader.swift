import FalconTensor

/// The datasets of rows in a finished shard, features or what stands beside them: the rows, and their scales where the
/// storage has any.
struct RowsReader: Sendable {
    private let storage: FeatureStorage
    private let width: Int
    private let rows: HDF5Dataset
    private let scales: HDF5Dataset?

    /// - Parameters:
    ///   - names: of the two datasets.
    ///   - count: rows that there must be.
    /// - Throws: `FileError` where a dataset is missing or of another type or shape.
    init(
        _ file: HDF5File, _ names: (rows: String, scales: String), _ storage: FeatureStorage, width: Int, count: Int
    ) throws {
        (self.storage, self.width) = (storage, width)
        rows = try file.dataset(names.rows)
        scales = storage == .int8 ? try file.dataset(names.scales) : nil
        try rows.require(storage.elementType, [count, width])
        try scales?.require(.float32, [count])
    }

    /// Rows as they stand in the file.
    func stored(_ range: Range<Int>, on pool: ThreadPool?) throws -> EncodedFeatures {
        let scales = try self.scales.map { scales in
            UInt32.array(littleEndian: try scales.bytes(rows: range)).map(Float.init(bitPattern:))
        }
        return EncodedFeatures(bytes: try rows.bytes(rows: range, on: pool), scales: scales)
    }

    /// `[count, width]`
    func decoded(_ encoded: EncodedFeatures, count: Int) -> Tensor {
        storage.decode(encoded.bytes, scales: encoded.scales ?? [], [count, width])
    }
}
