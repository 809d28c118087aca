import FalconTensor

/// The chunk index of the newer format for datasets that do not grow (specification, section VII.C), up to 1024
/// chunks, which is where its pages begin.
enum HDF5FixedArray {
    /// The chunks of a dataset whose chunks are whole rows, by their number.
    ///
    /// - Parameter chunkBytes: the length of a chunk without filters, which stores no length of its own.
    static func chunks(
        _ file: MappedFile, at address: Int, chunkBytes: Int
    ) throws -> [Int: HDF5ChunkTree.Chunk] {
        var header = try HDF5Cursor(file, at: address)
        try header.expect("FAHD")
        try header.skip(1)
        let isFiltered = try header.number(1) == 1
        let entrySize = try header.number(1)
        let pageBits = try header.number(1)
        let count = try header.number(8)
        guard let blockAddress = try header.address() else { return [:] }
        guard pageBits < 32, count <= 1 << pageBits else {
            throw FileError(file.path, "has a paged index of chunks, which is not supported; repack it with h5repack")
        }
        var block = try HDF5Cursor(file, at: blockAddress)
        try block.expect("FADB")
        try block.skip(10)
        var chunks: [Int: HDF5ChunkTree.Chunk] = [:]
        for index in 0..<count {
            var entry = try HDF5Cursor(file, try block.take(isFiltered ? entrySize : 8))
            guard let start = try entry.address() else { continue }
            var (size, mask) = (chunkBytes, UInt32(0))
            if isFiltered {
                guard (13...20).contains(entrySize) else { throw entry.problem("an index of chunks has odd entries") }
                size = try entry.number(entrySize - 12)
                mask = UInt32(try entry.number(4))
            }
            var stored = try HDF5Cursor(file, at: start, length: size)
            chunks[index] = HDF5ChunkTree.Chunk(range: try stored.take(size), skippedFilters: mask)
        }
        return chunks
    }
}
