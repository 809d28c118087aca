import FalconTensor

/// A GGUF file (llama.cpp's format, versions 2 and 3, little endian), mapped and checked whole when it is opened.
///
/// ```
/// | "GGUF", version, counts | key, type, value ... | name, sizes, type, offset ... | padding | tensors, aligned |
/// ```
/// A header that lies about sizes is refused before anything is allocated.
package struct GGUFFile: Sendable {
    package let path: String
    package let metadata: GGUFMetadata
    /// In the order of the file, under the file's own names; shapes in row-major order, rows last.
    package let tensors: [StoredTensor]

    private static let standardAlignment = 32
    private static let mostDimensions = 4
    private static let longestName = 64

    /// - Throws: `FileError` with one line that names what of the file is wrong.
    package init(path: String) throws {
        let file = try MappedFile(path: path)
        self.path = path
        var cursor = GGUFCursor(file)
        try GGUFFile.checkVersion(&cursor)
        let tensorCount = try cursor.count("the number of tensors", leastBytes: 32)
        let keyCount = try cursor.count("the number of keys", leastBytes: 14)
        metadata = try GGUFMetadata(&cursor, count: keyCount)
        let alignment = try GGUFFile.alignment(metadata)
        var claims: [Claim] = []
        for number in 0..<tensorCount { claims.append(try Claim(&cursor, number: number, of: tensorCount)) }
        let (aligned, overflow) = cursor.position.addingReportingOverflow(alignment - 1)
        guard !overflow else { throw FileError(path, "'general.alignment' \(alignment) is too large") }
        let start = aligned / alignment * alignment
        tensors = try claims.map { try $0.tensor(in: file, dataStart: start, alignment: alignment) }
        try GGUFFile.checkOverlap(of: tensors, path: path)
    }

    private static func checkVersion(_ cursor: inout GGUFCursor) throws {
        let path = cursor.file.path
        guard cursor.remaining >= 4, cursor.file.bytes(0..<4).elementsEqual("GGUF".utf8) else {
            throw FileError(path, "is no GGUF file: it does not begin with the magic 'GGUF'")
        }
        cursor.skip(1, of: 4)
        let version = try cursor.integer(UInt32.self, "the version")
        if version != 0, version & 0xffff == 0 {
            throw FileError(path, "the version \(version.byteSwapped) is written big endian, which is not supported")
        }
        guard version == 2 || version == 3 else {
            throw FileError(path, "the version \(version) is not supported; 2 and 3 are")
        }
    }

    private static func alignment(_ metadata: GGUFMetadata) throws -> Int {
        guard let alignment = try metadata.integer("general.alignment") else { return standardAlignment }
        guard alignment >= 8, alignment & (alignment - 1) == 0 else {
            throw metadata.problem("general.alignment", "must be a power of two from 8 on, not \(alignment)")
        }
        return alignment
    }

    private static func checkOverlap(of tensors: [StoredTensor], path: String) throws {
        let ordered = tensors.sorted { $0.range.lowerBound < $1.range.lowerBound }
        for (one, next) in zip(ordered, ordered.dropFirst()) where next.range.lowerBound < one.range.upperBound {
            throw FileError(path, "tensor \(next.name.shown) lies on the bytes of \(one.name.shown): damaged header")
        }
        var names: Set<String> = []
        for tensor in tensors where !names.insert(tensor.name).inserted {
            throw FileError(path, "tensor \(tensor.name.shown) occurs twice")
        }
    }

    /// What the header says about one tensor, each number by itself possible.
    private struct Claim {
        let name: String
        let shape: [Int]
        let type: GGUFTensorType
        let offset: UInt64
        let byteCount: Int

        init(_ cursor: inout GGUFCursor, number: Int, of count: Int) throws {
            let place = "the name of tensor \(number + 1) of \(count)"
            name = try cursor.text(place)
            guard !name.isEmpty, name.utf8.count <= GGUFFile.longestName else {
                throw cursor.refusal(place, "has \(name.utf8.count) bytes; 1 to \(GGUFFile.longestName) are allowed")
            }
            let field = "tensor \(name.shown)"
            let dimensions = try cursor.integer(UInt32.self, field)
            guard (1...GGUFFile.mostDimensions).contains(Int(dimensions)) else {
                throw cursor.refusal(field, "has \(dimensions) dimensions; 1 to \(GGUFFile.mostDimensions) are allowed")
            }
            var sizes: [Int] = []
            var values = 1
            for _ in 0..<dimensions {
                let size = try cursor.integer(UInt64.self, field)
                guard size > 0, let fitting = Int(exactly: size) else {
                    throw cursor.refusal(field, "has a dimension of \(size)")
                }
                let (product, overflow) = values.multipliedReportingOverflow(by: fitting)
                guard !overflow else { throw cursor.refusal(field, "has more values than 64 bits can count") }
                values = product
                sizes.append(fitting)
            }
            shape = sizes.reversed()
            let typeNumber = try cursor.integer(UInt32.self, field)
            guard let type = GGUFTensorType(typeNumber) else {
                throw cursor.refusal(field, "has the type \(GGUFTensorType.name(ofUnread: typeNumber))")
            }
            guard sizes[0].isMultiple(of: type.valueCount) else {
                throw cursor.refusal(field, "has rows of \(sizes[0]) values in a type of blocks of \(type.valueCount)")
            }
            let (bytes, overflow) = (values / type.valueCount).multipliedReportingOverflow(by: type.byteCount)
            guard !overflow else { throw cursor.refusal(field, "has more bytes than 64 bits can count") }
            (self.type, byteCount) = (type, bytes)
            offset = try cursor.integer(UInt64.self, field)
        }

        func tensor(in file: MappedFile, dataStart: Int, alignment: Int) throws -> StoredTensor {
            func refusal(_ problem: String) -> FileError { FileError(file.path, "tensor \(name.shown) \(problem)") }
            guard offset.isMultiple(of: UInt64(alignment)) else {
                throw refusal("begins at offset \(offset), which is no multiple of the alignment \(alignment)")
            }
            let available = max(0, file.count - dataStart)
            guard offset <= UInt64(available), byteCount <= available - Int(offset) else {
                throw refusal(
                    "of \(byteCount) bytes at offset \(offset) lies outside the \(available) bytes of data: "
                        + "cut off or damaged")
            }
            let start = dataStart + Int(offset)
            switch type {
            case .plain(let type):
                return StoredTensor(name: name, type: type, shape: shape, file: file, range: start..<start + byteCount)
            case .blocks(let blocks):
                return StoredTensor(
                    name: name, blocks: blocks, shape: shape, file: file, range: start..<start + byteCount)
            }
        }
    }
}
