import FalconTensor

/// Reads the little-endian fields of an HDF5 structure one after the other.
///
/// Never leaves its range, whatever the file claims: every step is checked, and throws where it would.
struct HDF5Cursor {
    let file: MappedFile
    private(set) var offset: Int
    let end: Int

    /// - Parameters:
    ///   - offset: where to start, as the file claims it.
    ///   - length: bytes to stay within; to the file's end where it is left out.
    init(_ file: MappedFile, at offset: Int, length: Int? = nil) throws {
        (self.file, self.offset) = (file, offset)
        guard offset >= 0, offset <= file.count, length ?? 0 >= 0, length ?? 0 <= file.count - offset else {
            throw FileError(file.path, "points to byte \(offset), beyond its \(file.count); it is damaged or cut off")
        }
        end = length.map { offset + $0 } ?? file.count
    }

    init(_ file: MappedFile, _ range: Range<Int>) throws {
        try self.init(file, at: range.lowerBound, length: range.count)
    }

    /// Bytes that are left.
    var remaining: Int { end - offset }

    /// The next bytes' place in the file.
    mutating func take(_ count: Int) throws -> Range<Int> {
        guard count >= 0, count <= remaining else { throw problem("a structure ends early") }
        defer { offset += count }
        return offset..<(offset + count)
    }

    mutating func skip(_ count: Int) throws { _ = try take(count) }

    mutating func bytes(_ count: Int) throws -> [UInt8] { file.bytes(try take(count)) }

    /// An unsigned number of 1 to 8 bytes.
    mutating func bits(_ size: Int) throws -> UInt64 {
        try bytes(size).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// An unsigned number that counts or measures something.
    mutating func number(_ size: Int) throws -> Int {
        guard let number = Int(exactly: try bits(size)) else { throw problem("a number is impossibly large") }
        return number
    }

    /// A place in the file; `nil` where it is said to be undefined.
    mutating func address() throws -> Int? {
        let bits = try bits(8)
        if bits == .max { return nil }
        guard let address = Int(exactly: bits), address <= file.count else {
            throw problem("an address lies beyond the file's \(file.count) bytes")
        }
        return address
    }

    /// Passes over a structure's signature.
    mutating func expect(_ signature: String) throws {
        guard try bytes(signature.utf8.count) == Array(signature.utf8) else {
            throw problem("\(signature) is missing")
        }
    }

    func problem(_ words: String) -> FileError { FileError(file.path, "is damaged near byte \(offset): \(words)") }
}
