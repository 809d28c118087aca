import FalconTensor

/// The names in the root group, and where their objects lie (specification, sections III and IV.A.2.g).
struct HDF5Group {
    /// The header of each object of the file itself; `nil` for a link to any other place, which is never followed.
    private(set) var objects: [String: Int?] = [:]
    let header: HDF5ObjectHeader
    /// A shard has 6 names. The limits bound what a damaged file can ask for.
    private static let (mostNames, longestName) = (10_000, 1024)
    private var nameCount = 0

    init(_ file: MappedFile) throws {
        header = try HDF5ObjectHeader(file, at: HDF5Group.rootAddress(file))
        if var table = try header.first(.symbolTable) {
            guard let tree = try table.address(), let heap = try table.address() else { return }
            let names = try HDF5Group.localHeap(file, at: heap)
            try HDF5ChunkTree.visitGroup(file, at: tree) { try readSymbols(file, at: $0, names) }
        }
        for var link in try header.all(.link) { try read(&link) }
        if var information = try header.first(.linkInformation) {
            try information.skip(1)
            try information.skip(try information.number(1) & 1 * 8)
            guard try information.address() == nil else {
                throw FileError(file.path, "keeps its names in a form that is not supported; repack it with h5repack")
            }
        }
    }

    /// The address of the root group's header, from the superblock (section II).
    private static func rootAddress(_ file: MappedFile) throws -> Int {
        let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]
        guard file.count >= 48, file.bytes(0..<8) == signature else { throw FileError(file.path, "is no HDF5 file") }
        var cursor = try HDF5Cursor(file, at: 8)
        let version = try cursor.number(1)
        guard (0...3).contains(version) else { throw cursor.problem("its version \(version) is not known") }
        // Versions 0 and 1 name the versions of their parts first, and the sizes of B-tree nodes behind.
        try cursor.skip(version < 2 ? 4 : 0)
        guard try cursor.number(1) == 8, try cursor.number(1) == 8 else {
            throw FileError(file.path, "has addresses of other than 8 bytes, which is not supported")
        }
        try cursor.skip([9, 13, 1, 1][version])
        guard try cursor.address() == 0 else {
            throw FileError(file.path, "does not start at its first byte, which is not supported")
        }
        try cursor.skip(8)
        let end = try cursor.number(8)
        guard end <= file.count else {
            throw FileError(file.path, "is cut off: \(file.count) of \(end) bytes are there")
        }
        // Driver information and the root's name stand between in the older versions.
        try cursor.skip(version < 2 ? 16 : 0)
        guard let root = try cursor.address() else { throw cursor.problem("it has no root group") }
        return root
    }

    /// The segment with the names of an older group.
    private static func localHeap(_ file: MappedFile, at address: Int) throws -> Range<Int> {
        var cursor = try HDF5Cursor(file, at: address)
        try cursor.expect("HEAP")
        try cursor.skip(4)
        let length = try cursor.number(8)
        try cursor.skip(8)
        guard let start = try cursor.address() else { throw cursor.problem("the heap that holds its names is missing") }
        var segment = try HDF5Cursor(file, at: start, length: length)
        return try segment.take(length)
    }

    private mutating func readSymbols(_ file: MappedFile, at address: Int, _ names: Range<Int>) throws {
        var cursor = try HDF5Cursor(file, at: address)
        try cursor.expect("SNOD")
        try cursor.skip(2)
        let count = try cursor.number(2)
        nameCount += count + 1
        guard nameCount <= HDF5Group.mostNames else { throw cursor.problem("its root group has too many names") }
        for _ in 0..<count {
            let nameOffset = try cursor.number(8)
            let object = try cursor.address()
            // A cache type of 2 marks a soft link.
            let isSoft = try cursor.number(4) == 2
            try cursor.skip(20)
            guard nameOffset < names.count else { throw cursor.problem("a name lies beyond its heap") }
            let start = names.lowerBound + nameOffset
            let text = file.bytes(start..<min(names.upperBound, start + HDF5Group.longestName)).prefix { $0 != 0 }
            objects.updateValue(isSoft ? nil : object, forKey: String(decoding: text, as: UTF8.self))
        }
    }

    /// One link message of a newer group.
    private mutating func read(_ link: inout HDF5Cursor) throws {
        guard try link.number(1) == 1 else { throw link.problem("a link has an unknown version") }
        let flags = try link.number(1)
        let type = flags & 8 != 0 ? try link.number(1) : 0
        try link.skip((flags >> 2 & 1) * 8 + (flags >> 4 & 1))
        let name = String(decoding: try link.bytes(try link.number(1 << (flags & 3))), as: UTF8.self)
        objects.updateValue(type == 0 ? try link.address() : nil, forKey: name)
    }
}
