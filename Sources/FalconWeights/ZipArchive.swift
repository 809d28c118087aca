import FalconTensor

/// The records of a zip archive without compression, as PyTorch writes it.
///
/// ```
/// | local header, data | local header, data | ... | central directory | [zip64 end, locator] | end record |
/// ```
/// Everything is checked before anything is used: names occur once, records lie inside the file and do not overlap,
/// local and central headers agree, and every record's CRC fits.
package struct ZipArchive {
    private struct Entry {
        var name: String
        var check: UInt32
        var size: UInt64
        var header: UInt64
    }

    /// Where each record's bytes lie in the file.
    package let records: [String: Range<Int>]

    /// - Throws: `FileError` that says what of the archive is wrong.
    package init(_ file: MappedFile) throws {
        let directory = try ZipArchive.directory(of: file)
        var records: [String: Range<Int>] = [:]
        var spans: [(start: Int, end: Int)] = []
        for entry in try ZipArchive.entries(of: file, directory) {
            let (start, range) = try ZipArchive.locate(entry, in: file, before: directory.range.lowerBound)
            guard records.updateValue(range, forKey: entry.name) == nil else {
                throw FileError(file.path, "holds two records '\(entry.name)'")
            }
            guard CyclicRedundancyCheck.of(file, range) == entry.check else {
                throw FileError(file.path, "record '\(entry.name)' is damaged: its CRC does not fit")
            }
            spans.append((start, range.upperBound))
        }
        spans.sort { $0.start < $1.start }
        for (one, next) in zip(spans, spans.dropFirst()) where next.start < one.end {
            throw FileError(file.path, "its zip records overlap: damaged")
        }
        self.records = records
    }

    /// Finds the central directory from the end of the file.
    private static func directory(of file: MappedFile) throws -> (range: Range<Int>, count: UInt64) {
        let refusal = FileError(file.path, "has no zip directory at its end: cut off, download it again")
        // The end record is 22 bytes and a comment of at most 65535.
        guard file.count >= 22 else { throw refusal }
        let lowest = max(0, file.count - 22 - 65_535)
        guard
            let end = stride(from: file.count - 22, through: lowest, by: -1).first(where: {
                file.integer(UInt32.self, at: $0) == 0x0605_4B50
                    && $0 + 22 + Int(file.integer(UInt16.self, at: $0 + 20)) == file.count
            })
        else { throw refusal }
        var count = UInt64(file.integer(UInt16.self, at: end + 10))
        var size = UInt64(file.integer(UInt32.self, at: end + 12))
        var start = UInt64(file.integer(UInt32.self, at: end + 16))
        var limit = end
        if end >= 20, file.integer(UInt32.self, at: end - 20) == 0x0706_4B50 {
            let wide = file.integer(UInt64.self, at: end - 12)
            guard wide <= UInt64(end - 20), end - 20 - Int(wide) >= 56,
                file.integer(UInt32.self, at: Int(wide)) == 0x0606_4B50
            else { throw refusal }
            limit = Int(wide)
            count = file.integer(UInt64.self, at: limit + 32)
            size = file.integer(UInt64.self, at: limit + 40)
            start = file.integer(UInt64.self, at: limit + 48)
        }
        guard start <= UInt64(limit), size <= UInt64(limit) - start else { throw refusal }
        return (Int(start)..<Int(start + size), count)
    }

    private static func entries(
        of file: MappedFile, _ directory: (range: Range<Int>, count: UInt64)
    ) throws -> [Entry] {
        let refusal = FileError(file.path, "its zip directory is damaged")
        var entries: [Entry] = []
        var position = directory.range.lowerBound
        let end = directory.range.upperBound
        while position < end {
            guard end - position >= 46, file.integer(UInt32.self, at: position) == 0x0201_4B50 else { throw refusal }
            let nameLength = Int(file.integer(UInt16.self, at: position + 28))
            let extraLength = Int(file.integer(UInt16.self, at: position + 30))
            let commentLength = Int(file.integer(UInt16.self, at: position + 32))
            let next = position + 46 + nameLength + extraLength + commentLength
            guard next <= end,
                let name = String(validating: file.bytes(position + 46..<position + 46 + nameLength), as: UTF8.self)
            else { throw refusal }
            guard file.integer(UInt16.self, at: position + 8) & 1 == 0 else {
                throw FileError(file.path, "record '\(name)' is encrypted")
            }
            guard file.integer(UInt16.self, at: position + 10) == 0 else {
                throw FileError(file.path, "record '\(name)' is compressed, which PyTorch never does")
            }
            var entry = Entry(
                name: name, check: file.integer(UInt32.self, at: position + 16),
                size: UInt64(file.integer(UInt32.self, at: position + 24)),
                header: UInt64(file.integer(UInt32.self, at: position + 42)))
            var packed = UInt64(file.integer(UInt32.self, at: position + 20))
            let extra = position + 46 + nameLength
            try widen(&entry, packed: &packed, file: file, extra: extra..<extra + extraLength, refusal)
            guard packed == entry.size else { throw refusal }
            entries.append(entry)
            position = next
        }
        guard UInt64(entries.count) == directory.count else { throw refusal }
        return entries
    }

    /// Replaces numbers that do not fit 32 bits by those of the zip64 extra field.
    private static func widen(
        _ entry: inout Entry, packed: inout UInt64, file: MappedFile, extra: Range<Int>, _ refusal: FileError
    ) throws {
        var position = extra.lowerBound
        while extra.upperBound - position >= 4 {
            let length = Int(file.integer(UInt16.self, at: position + 2))
            let fieldEnd = position + 4 + length
            guard fieldEnd <= extra.upperBound else { throw refusal }
            if file.integer(UInt16.self, at: position) == 1 {
                var next = position + 4
                func wide(_ value: UInt64) throws -> UInt64 {
                    guard value == 0xFFFF_FFFF else { return value }
                    guard fieldEnd - next >= 8 else { throw refusal }
                    defer { next += 8 }
                    return file.integer(UInt64.self, at: next)
                }
                entry.size = try wide(entry.size)
                packed = try wide(packed)
                entry.header = try wide(entry.header)
            }
            position = fieldEnd
        }
    }

    /// Follows an entry to its local header.
    ///
    /// - Returns: where the header starts, and the range of the data behind it.
    private static func locate(
        _ entry: Entry, in file: MappedFile, before limit: Int
    ) throws -> (start: Int, range: Range<Int>) {
        let refusal = FileError(file.path, "record '\(entry.name)' does not lie where the zip directory says")
        guard entry.header <= UInt64(limit), limit - Int(entry.header) >= 30 else { throw refusal }
        let start = Int(entry.header)
        guard file.integer(UInt32.self, at: start) == 0x0403_4B50 else { throw refusal }
        let nameLength = Int(file.integer(UInt16.self, at: start + 26))
        let data = start + 30 + nameLength + Int(file.integer(UInt16.self, at: start + 28))
        guard data <= limit, entry.size <= UInt64(limit - data),
            file.bytes(start + 30..<start + 30 + nameLength) == Array(entry.name.utf8)
        else { throw refusal }
        return (start, data..<data + Int(entry.size))
    }
}
