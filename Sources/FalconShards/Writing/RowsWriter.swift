import FalconTensor

/// The datasets of rows in a shard being written, features or what stands beside them: the rows, and their scales where
/// the storage has any.
struct RowsWriter {
    private let rows: HDF5GrowingDataset
    private let scales: HDF5GrowingDataset?

    /// - Parameters:
    ///   - names: of the two datasets.
    ///   - chunkRows: rows of a chunk; `nil` takes about 256 KiB of them, enough for zstd to work with and little
    ///     beside a sequence of ordinary length.
    init(
        _ file: HDF5FileWriter, _ names: (rows: String, scales: String), _ storage: FeatureStorage, width: Int,
        chunkRows: Int?, level: Int
    ) throws {
        let rowBytes = width * storage.size
        rows = try file.growingDataset(
            names.rows, storage.elementType, width: width,
            chunkRows: chunkRows ?? min(max((256 << 10) / rowBytes, 8), 1024), level: level)
        scales =
            storage == .int8
            ? try file.growingDataset(names.scales, .float32, width: nil, chunkRows: 4096, level: level) : nil
    }

    func append(_ encoded: EncodedFeatures, on pool: ThreadPool) throws {
        try rows.append(encoded.bytes, on: pool)
        if let values = encoded.scales { try scales?.append(RowsWriter.bytes(values), on: pool) }
    }

    /// See `HDF5GrowingDataset.byteBound`.
    func byteBound(adding encoded: EncodedFeatures, isExact: Bool, on pool: ThreadPool) throws -> Int {
        let own = try rows.byteBound(adding: encoded.bytes, isExact: isExact, on: pool)
        guard let scales else { return own }
        return try own + scales.byteBound(adding: RowsWriter.bytes(encoded.scales ?? []), isExact: isExact, on: pool)
    }

    func finish(on pool: ThreadPool) throws {
        try rows.finish(on: pool)
        try scales?.finish(on: pool)
    }

    private static func bytes(_ scales: [Float]) -> [UInt8] { UInt32.bytes(of: scales.map(\.bitPattern)) }
}
