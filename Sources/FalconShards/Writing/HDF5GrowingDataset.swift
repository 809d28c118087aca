internal import CHDF5
import FalconTensor

/// A chunked dataset being written row by row. Chunks are encoded on all threads of a pool and handed to the library
/// as they are to stand in the file.
final class HDF5GrowingDataset {
    /// Whole chunks that are encoded together. A constant, so that the file's bytes do not depend on `--threads`.
    private static let chunksTogether = 16

    let name: String
    private let handle: HDF5Handle
    private let path: String
    private let width: Int?
    private let rowBytes: Int
    private let chunkRows: Int
    private let filters: ChunkFilters
    private let level: Int
    /// Rows that stand in the file.
    private var writtenRows = 0
    /// Raw bytes of the rows behind them, a chunk each; the last one may have room left.
    private var pending: [[UInt8]] = []
    /// Bytes that the written chunks take in the file.
    private var storedByteCount = 0
    private var storedChunkCount = 0

    init(
        _ name: String, _ handle: HDF5Handle, path: String, elementSize: Int, width: Int?, chunkRows: Int, level: Int
    ) {
        (self.name, self.handle, self.path, self.width) = (name, handle, path, width)
        (self.chunkRows, self.level) = (chunkRows, level)
        rowBytes = elementSize * (width ?? 1)
        filters = ChunkFilters(steps: [.shuffle(elementSize: elementSize), .zstd])
    }

    /// Behind `finish` there is nothing left to abandon.
    deinit { handle.abandon() }

    /// Adds whole rows of raw little-endian bytes at the end.
    func append(_ rows: [UInt8], on pool: ThreadPool) throws {
        precondition(rows.count % rowBytes == 0, "\(rows.count) bytes are no rows of \(rowBytes) for \(name)")
        add(rows, to: &pending)
        let together = HDF5GrowingDataset.chunksTogether
        while pending.count >= together, pending[together - 1].count == chunkBytes {
            try write(Array(pending.prefix(together)), on: pool)
            pending.removeFirst(together)
        }
    }

    private var chunkBytes: Int { chunkRows * rowBytes }

    /// Fills the last chunk and begins others.
    private func add(_ rows: [UInt8], to chunks: inout [[UInt8]]) {
        var start = 0
        while start < rows.count {
            if chunks.last?.count ?? chunkBytes == chunkBytes {
                chunks.append([])
                chunks[chunks.count - 1].reserveCapacity(chunkBytes)
            }
            let end = min(rows.count, start + chunkBytes - chunks[chunks.count - 1].count)
            chunks[chunks.count - 1].append(contentsOf: rows[start..<end])
            start = end
        }
    }

    /// The most bytes that the dataset can take in the file once some rows were added and it is finished.
    ///
    /// - Parameters:
    ///   - rows: raw bytes, as for `append`.
    ///   - isExact: compresses what is not written yet to see how long it becomes; otherwise it counts as if it could
    ///     not be compressed.
    func byteBound(adding rows: [UInt8], isExact: Bool, on pool: ThreadPool) throws -> Int {
        guard isExact else {
            let count = (pending.reduce(rows.count) { $0 + $1.count } + chunkBytes - 1) / chunkBytes
            return byteBound(count) + count * ZstdFrame.largestFrame(ofContent: chunkBytes)
        }
        var chunks = pending
        add(rows, to: &chunks)
        let whole = pending.prefix { $0.count == chunkBytes }.count
        if whole > 0 {
            try write(Array(pending.prefix(whole)), on: pool)
            pending.removeFirst(whole)
        }
        return try byteBound(chunks.count) + encode(Array(chunks[whole...]), on: pool).reduce(0) { $0 + $1.count }
    }

    /// What stands in the file and the tree that finds the chunks, some more of them included: nodes of 2616 bytes
    /// with room for 64, half full or more.
    private func byteBound(_ moreChunks: Int) -> Int {
        let chunks = storedChunkCount + moreChunks
        return storedByteCount + 3072 + (chunks > 64 ? 3072 + 128 * chunks : 0)
    }

    /// Writes what is pending and closes the dataset; a last chunk that is not full is filled with zeros behind the
    /// dataset's end.
    func finish(on pool: ThreadPool) throws {
        try write(pending, on: pool)
        pending = []
        try handle.close("H5Dclose", path)
    }

    /// Chunks as they are to stand in the file; the last one filled with zeros.
    private func encode(_ chunks: [[UInt8]], on pool: ThreadPool) throws -> [[UInt8]] {
        do {
            return try pool.map(chunks.count) { index in
                let missing = chunkBytes - chunks[index].count
                let chunk = missing > 0 ? chunks[index] + repeatElement(0, count: missing) : chunks[index]
                return try filters.encode(chunk, level: level)
            }
        } catch let problem as ChunkProblem {
            throw FileError(path, "the dataset \(name): \(problem)")
        }
    }

    private func write(_ chunks: [[UInt8]], on pool: ThreadPool) throws {
        let encoded = try encode(chunks, on: pool)
        try HDF5Library.enter {
            let rowCount = writtenRows + chunks.reduce(0) { $0 + $1.count } / rowBytes
            var extent: [hsize_t] = [hsize_t(rowCount)] + (width.map { [hsize_t($0)] } ?? [])
            try HDF5Library.check(
                unsafe H5Dset_extent(handle.identifier, &extent), "H5Dset_extent", path)
            for (index, chunk) in encoded.enumerated() {
                var origin: [hsize_t] = [hsize_t(writtenRows + index * chunkRows)] + (width == nil ? [] : [0])
                try HDF5Library.check(
                    unsafe H5Dwrite_chunk(
                        handle.identifier, falcon_h5_default_properties(), 0, &origin, chunk.count, chunk),
                    "H5Dwrite_chunk", path)
            }
            writtenRows = rowCount
            storedChunkCount += encoded.count
            storedByteCount += encoded.reduce(0) { $0 + $1.count }
        }
    }
}
