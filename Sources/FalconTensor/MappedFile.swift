import Foundation

/// A file mapped into memory for reading: opening costs nothing however large the file is, and pages are read
/// when they are first used.
///
/// Every access is checked against the length that the file had when it was opened.
@safe package final class MappedFile: @unchecked Sendable {
    package let path: String
    /// The length in bytes.
    package let count: Int
    private let base: UnsafeRawPointer

    /// - Throws: `FileError` where the file is missing, is a folder, or cannot be mapped.
    package init(path: String) throws {
        self.path = path
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw errno == ENOENT ? FileError(path, "no such file") : FileError.system(path, "opening it")
        }
        defer { close(descriptor) }
        var information = stat()
        guard unsafe fstat(descriptor, &information) == 0 else { throw FileError.system(path, "reading its size") }
        guard information.st_mode & S_IFMT == S_IFREG else { throw FileError(path, "is not a plain file") }
        count = Int(information.st_size)
        guard count > 0 else {
            unsafe base = UnsafeRawPointer(bitPattern: 64)!
            return
        }
        guard let mapping = unsafe mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0),
            unsafe mapping != MAP_FAILED
        else { throw FileError.system(path, "mapping it") }
        unsafe base = UnsafeRawPointer(mapping)
    }

    deinit {
        if count > 0 { unsafe munmap(UnsafeMutableRawPointer(mutating: base), count) }
    }

    /// A copy of the bytes in `range`; traps outside the file, so check a range that a file claims first.
    package func bytes(_ range: Range<Int>) -> [UInt8] {
        unsafe [UInt8](UnsafeRawBufferPointer(rebasing: buffer(range)))
    }

    /// The bytes in `range` as text, or `nil` where they are not UTF-8; traps outside the file.
    package func text(_ range: Range<Int>) -> String? {
        unsafe String(validating: UnsafeRawBufferPointer(rebasing: buffer(range)), as: UTF8.self)
    }

    /// Whether the bytes in `range` are UTF-8; traps outside the file.
    package func isUTF8(_ range: Range<Int>) -> Bool {
        let bytes = unsafe buffer(range)
        // Most texts of a vocabulary are ASCII.
        if unsafe bytes.allSatisfy({ $0 < 0x80 }) { return true }
        return text(range) != nil
    }

    /// One byte.
    package subscript(_ offset: Int) -> UInt8 {
        precondition((0..<count).contains(offset), "byte \(offset) of \(path), which has \(count)")
        return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// A little-endian whole number that starts at `offset`, aligned or not.
    package func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value {
        precondition(
            offset >= 0 && offset <= count - MemoryLayout<Value>.size,
            "\(MemoryLayout<Value>.size) bytes at \(offset) of \(path), which has \(count)")
        return unsafe Value(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    /// Starts to read a range from the disk, for a reader that does not go through it in order.
    func readAhead(_ range: Range<Int>) {
        let page = Int(getpagesize())
        let first = range.lowerBound / page * page
        guard count > 0, first < range.upperBound else { return }
        // Advice only.
        unsafe madvise(UnsafeMutableRawPointer(mutating: base) + first, range.upperBound - first, MADV_WILLNEED)
    }

    /// Gives the memory of pages inside `range` back to the system; they are read from the file again when needed.
    func releasePages(_ range: Range<Int>) {
        let page = Int(getpagesize())
        let first = (range.lowerBound + page - 1) / page * page
        let end = range.upperBound / page * page
        guard count > 0, first < end else { return }
        // Advice only: where the system declines it, nothing changes but the memory in use.
        unsafe madvise(UnsafeMutableRawPointer(mutating: base) + first, end - first, MADV_DONTNEED)
    }

    /// The first byte. Valid while this object lives.
    var start: UnsafeRawPointer { unsafe base }

    func buffer(_ range: Range<Int>) -> Slice<UnsafeRawBufferPointer> {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= count, "bytes \(range) of \(path), which has \(count)")
        return unsafe UnsafeRawBufferPointer(start: base, count: count)[range]
    }
}
