import FalconTensor

/// The chunk index of the newer format for datasets that do not grow (specification, section VII.C).
enum HDF5FixedArray {
    private static let checksumSize = 4

    /// Chunks without filters and without any index, one behind the other from an address on; as many as the file
    /// has room for.
    static func implicit(_ file: MappedFile, at address: Int, chunkBytes: Int) -> [Int: HDF5ChunkTree.Chunk] {
        var chunks: [Int: HDF5ChunkTree.Chunk] = [:]
        guard chunkBytes > 0 else { return chunks }
        for number in 0..<max(0, (file.count - address) / chunkBytes) {
            let start = address + number * chunkBytes
            chunks[number] = HDF5ChunkTree.Chunk(range: start..<start + chunkBytes, skippedFilters: 0)
        }
        return chunks
    }

    /// The chunks of a dataset, by their number in the grid.
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
        guard pageBits < 32 else { throw header.problem("an index of chunks has odd pages") }
        var block = try HDF5Cursor(file, at: blockAddress)
        try block.expect("FADB")
        try block.skip(10)
        let pageSize = 1 << pageBits
        var pages: [UInt8] = []
        if count > pageSize {
            // More entries than fit a page: a bit for each page says whether it was written.
            pages = try block.bytes(((count - 1) / pageSize + 8) / 8)
            try block.skip(checksumSize)
        }
        var chunks: [Int: HDF5ChunkTree.Chunk] = [:]
        for index in 0..<count {
            let page = index / pageSize
            if count > pageSize {
                if index % pageSize == 0, page > 0 { try block.skip(checksumSize) }
                guard pages[page / 8] & 0x80 >> UInt8(page % 8) != 0 else {
                    try block.skip(isFiltered ? entrySize : 8)
                    continue
                }
            }
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
