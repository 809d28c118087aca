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
        let size: Int
        switch type {
        case .fixedText(let bytes): size = bytes
        case .variableText: size = HDF5Datatype.referenceSize
        default: throw cursor.problem("it is not text")
        }
        guard count <= cursor.remaining / size else { throw cursor.problem("it has fewer strings than it claims") }
        return try read(type, try cursor.bytes(count * size), count: count)
    }

    /// The same for elements that were read from chunks.
    ///
    /// - Parameter bytes: `count` elements.
    func read(_ type: HDF5Datatype, _ bytes: [UInt8], count: Int) throws -> [String] {
        func element(_ index: Int, _ size: Int) -> ArraySlice<UInt8> { bytes[(index * size)..<((index + 1) * size)] }
        switch type {
        case .fixedText(let size):
            return (0..<count).map { String(decoding: element($0, size).prefix { $0 != 0 }, as: UTF8.self) }
        case .variableText:
            var left = file.count
            return try (0..<count).map { try readVariable(element($0, HDF5Datatype.referenceSize), &left) }
        default: throw FileError(file.path, "is damaged: what should be text is not")
        }
    }

    /// - Parameter reference: a length, the address of a heap and an index into it.
    private func readVariable(_ reference: ArraySlice<UInt8>, _ left: inout Int) throws -> String {
        func number(_ range: Range<Int>) -> UInt64 {
            reference.dropFirst(range.lowerBound).prefix(range.count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        func damaged(_ problem: String) -> FileError { FileError(file.path, "is damaged: \(problem)") }
        let (length, place, index) = (Int(number(0..<4)), number(4..<12), Int(number(12..<16)))
        // Empty strings may have no heap at all.
        guard length > 0, place > 0, place < .max else { return "" }
        guard let address = Int(exactly: place), address <= file.count else {
            throw damaged("a string's address lies beyond the file's \(file.count) bytes")
        }
        guard let object = try objects(ofHeap: address)[index], length <= object.count else {
            throw damaged("a string is not in its heap")
        }
        left -= length
        guard left >= 0 else { throw damaged("its strings share their bytes") }
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
