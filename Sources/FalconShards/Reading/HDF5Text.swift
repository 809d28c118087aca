import FalconTensor
import Synchronization

/// Strings, which HDF5 keeps in two different ways: in place, padded, or in global heaps.
final class HDF5Text: Sendable {
    private let file: MappedFile
    /// The objects of each global heap that was read, by address and index.
    private let heaps = Mutex<[Int: [Int: Range<Int>]]>([:])

    init(_ file: MappedFile) { self.file = file }

    /// Decodes `count` strings that stand one behind the other. Together they have no more bytes than the file: each
    /// has a place of its own in it.
    ///
    /// - Parameters:
    ///   - type: `fixedText` or `variableText`.
    ///   - count: how many the file claims.
    func read(_ type: HDF5Datatype, count: Int, _ cursor: inout HDF5Cursor) throws -> [String] {
        switch type {
        case .fixedText(let size):
            guard count <= cursor.remaining / size else { throw cursor.problem("it has fewer strings than it claims") }
            return try (0..<count).map { _ in
                String(decoding: try cursor.bytes(size).prefix { $0 != 0 }, as: UTF8.self)
            }
        case .variableText:
            guard count <= cursor.remaining / HDF5Datatype.referenceSize else {
                throw cursor.problem("it has fewer strings than it claims")
            }
            var left = file.count
            return try (0..<count).map { _ in try readVariable(&cursor, &left) }
        default: throw cursor.problem("it is not text")
        }
    }

    private func readVariable(_ cursor: inout HDF5Cursor, _ left: inout Int) throws -> String {
        let length = try cursor.number(4)
        let address = try cursor.address()
        let index = try cursor.number(4)
        // Empty strings may have no heap at all.
        guard length > 0, let address, address > 0 else { return "" }
        guard let object = try objects(ofHeap: address)[index], length <= object.count else {
            throw cursor.problem("a string is not in its heap")
        }
        left -= length
        guard left >= 0 else { throw cursor.problem("its strings share their bytes") }
        let bytes = file.bytes(object.lowerBound..<(object.lowerBound + length))
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// A global heap (specification, section III.E): objects with an index, a size and their bytes.
    private func objects(ofHeap address: Int) throws -> [Int: Range<Int>] {
        if let known = heaps.withLock({ $0[address] }) { return known }
        var start = try HDF5Cursor(file, at: address)
        try start.expect("GCOL")
        try start.skip(4)
        let size = try start.number(8)
        var cursor = try HDF5Cursor(file, at: address, length: size)
        try cursor.skip(16)
        var objects: [Int: Range<Int>] = [:]
        while cursor.remaining >= 16 {
            let index = try cursor.number(2)
            try cursor.skip(6)
            let length = try cursor.number(8)
            // Index 0 is the free space at the end.
            guard index != 0 else { break }
            objects[index] = try cursor.take(length)
            try cursor.skip(min(-length & 7, cursor.remaining))
        }
        let found = objects
        heaps.withLock { $0[address] = found }
        return found
    }
}
