import FalconTensor

/// B-trees of version 1 (specification, section III.A.1): of a group's names and of a dataset's chunks.
enum HDF5ChunkTree {
    /// A chunk as it stands in the file.
    struct Chunk {
        let range: Range<Int>
        /// Bit i set: filter i was not applied to it.
        let skippedFilters: UInt32
    }

    /// Calls `body` with the address of each leaf of a group's tree.
    static func visitGroup(_ file: MappedFile, at address: Int, _ body: (Int) throws -> Void) throws {
        try visit(file, at: address, type: 0, keySize: 8) { _, child in try body(child) }
    }

    /// The chunks of a dataset, by their number in its grid.
    ///
    /// - Parameter chunk: the sizes of a chunk, an axis each.
    static func chunks(
        _ file: MappedFile, at address: Int, chunk: [Int], grid: HDF5ChunkGrid
    ) throws -> [Int: Chunk] {
        var chunks: [Int: Chunk] = [:]
        let axes = chunk.count
        // A key: stored bytes, filter mask, then the chunk's origin on each axis and within an element.
        try visit(file, at: address, type: 1, keySize: 8 + 8 * (axes + 1)) { key, child in
            var key = key
            let size = try key.number(4)
            let mask = UInt32(try key.number(4))
            let origin = try (0...axes).map { _ in try key.number(8) }
            guard zip(origin, chunk).allSatisfy({ $0 % $1 == 0 }), origin[axes] == 0 else {
                throw key.problem("a chunk starts in the middle of another")
            }
            guard origin.dropFirst(2).allSatisfy({ $0 == 0 }) else {
                throw key.problem("a chunk does not start at a row")
            }
            let column = axes > 1 ? origin[1] / chunk[1] : 0
            // Beyond the dataset's end, where it was made smaller.
            guard let number = grid.number(row: origin[0] / chunk[0], column: column) else { return }
            var stored = try HDF5Cursor(file, at: child, length: size)
            chunks[number] = Chunk(range: try stored.take(size), skippedFilters: mask)
        }
        return chunks
    }

    /// Calls `body` with the key and the child's address of each entry of the leaves.
    private static func visit(
        _ file: MappedFile, at address: Int, type: Int, keySize: Int, _ body: (HDF5Cursor, Int) throws -> Void
    ) throws {
        // An entry takes at least 16 bytes; damaged nodes that share children cannot make more work than that.
        var entriesLeft = file.count / 16 + 1
        func visitNode(_ address: Int, expected: Int?) throws {
            var cursor = try HDF5Cursor(file, at: address)
            try cursor.expect("TREE")
            let (nodeType, level) = (try cursor.number(1), try cursor.number(1))
            // Levels fall by one from node to child, so that no circle is possible.
            guard nodeType == type, expected == nil || level == expected else {
                throw cursor.problem("a B-tree has a node of the wrong kind")
            }
            let count = try cursor.number(2)
            entriesLeft -= count + 1
            guard entriesLeft >= 0 else { throw cursor.problem("a B-tree has no end") }
            try cursor.skip(16)
            for _ in 0..<count {
                let key = try HDF5Cursor(file, try cursor.take(keySize))
                guard let child = try cursor.address() else { throw cursor.problem("a B-tree leads nowhere") }
                if level == 0 { try body(key, child) } else { try visitNode(child, expected: level - 1) }
            }
        }
        try visitNode(address, expected: nil)
    }
}
