import FalconTensor

/// Reads a GGUF file's header from front to back. Every length is checked against the bytes that are left before
/// anything is read or made room for, and every error names the field.
struct GGUFCursor {
    let file: MappedFile
    private(set) var position: Int

    init(_ file: MappedFile, position: Int = 0) {
        self.file = file
        self.position = position
    }

    /// Bytes that are left.
    var remaining: Int { file.count - position }

    func refusal(_ field: String, _ problem: String) -> FileError { FileError(file.path, "\(field) \(problem)") }

    /// A little-endian number.
    mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type, _ field: String
    ) throws -> Value {
        guard remaining >= MemoryLayout<Value>.size else {
            throw refusal(
                field,
                "is cut off: the GGUF file ends after \(file.count) bytes; download it again, or give the model's "
                    + "Hugging Face folder")
        }
        defer { position += MemoryLayout<Value>.size }
        return file.integer(type, at: position)
    }

    /// A number of things that follow, each of which takes `leastBytes` or more of the file.
    mutating func count(_ field: String, leastBytes: Int) throws -> Int {
        let claimed = try integer(UInt64.self, field)
        guard let count = Int(exactly: claimed), count <= remaining / leastBytes else {
            throw refusal(field, "claims \(claimed) entries, more than the \(remaining) bytes left can hold")
        }
        return count
    }

    /// Passes over `count` things of `size` bytes, whose product `count` already fits the file.
    mutating func skip(_ count: Int, of size: Int) { position += count * size }

    /// A string's place: its length in 8 bytes, then UTF-8.
    mutating func string(_ field: String) throws -> Range<Int> {
        let length = try integer(UInt64.self, field)
        guard length <= UInt64(remaining) else {
            throw refusal(field, "claims \(length) bytes of text where \(remaining) are left: cut off or damaged")
        }
        defer { position += Int(length) }
        return position..<position + Int(length)
    }

    /// A string's text.
    mutating func text(_ field: String) throws -> String {
        let range = try string(field)
        guard let text = file.text(range) else { throw refusal(field, "is not UTF-8 text") }
        return text
    }
}

extension String {
    /// A name from a file as an error may show it: on one line, and not without end.
    var shown: String {
        var shown = "'"
        for (number, scalar) in unicodeScalars.enumerated() {
            guard number < 80 else { return shown + "...'" }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown + "'"
    }
}
