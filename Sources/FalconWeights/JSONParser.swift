import FalconTensor

/// A strict reader of JSON (RFC 8259): one document, UTF-8, no comments, no key twice in an object.
///
/// It nests at most `deepest` levels, so no file can exhaust the stack, and allocates only for what is there.
struct JSONParser {
    /// More than any configuration or header needs.
    private static let deepest = 64

    private let bytes: [UInt8]
    private var position = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// - Throws: `JSONProblem` at the first byte that does not belong.
    static func parse(_ bytes: [UInt8]) throws(JSONProblem) -> JSONValue {
        var parser = JSONParser(bytes)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.problem("something follows the document's end") }
        return value
    }

    private mutating func value(depth: Int) throws(JSONProblem) -> JSONValue {
        guard depth < JSONParser.deepest else { throw problem("nested more than \(JSONParser.deepest) levels deep") }
        skipSpace()
        guard let first = peek else { throw problem("ends in the middle") }
        switch first {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(JSONProblem) -> JSONObject {
        var object = JSONObject()
        position += 1
        skipSpace()
        if take("}") { return object }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw problem("a key in quotes is missing") }
            let key = try string()
            guard object[key] == nil else { throw problem("the key \"\(key)\" occurs twice") }
            skipSpace()
            guard take(":") else { throw problem("':' is missing after the key \"\(key)\"") }
            object[key] = try value(depth: depth + 1)
            skipSpace()
            if take("}") { return object }
            guard take(",") else { throw problem("',' or '}' is missing") }
        }
    }

    private mutating func array(depth: Int) throws(JSONProblem) -> [JSONValue] {
        var values: [JSONValue] = []
        position += 1
        skipSpace()
        if take("]") { return values }
        while true {
            values.append(try value(depth: depth + 1))
            skipSpace()
            if take("]") { return values }
            guard take(",") else { throw problem("',' or ']' is missing") }
        }
    }

    private mutating func string() throws(JSONProblem) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw problem("text is not UTF-8") }
                return string
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw problem("a control character stands in text")
            default: text.append(byte)
            }
        }
        throw problem("text does not end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONProblem) {
        guard let byte = peek else { throw problem("text does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = UInt32(try hexadecimal())
            if (0xD800..<0xDC00).contains(code), peek == UInt8(ascii: "\\") {
                position += 1
                guard take("u") else { throw problem("half of a surrogate pair") }
                let low = UInt32(try hexadecimal())
                guard (0xDC00..<0xE000).contains(low) else { throw problem("half of a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw problem("half of a surrogate pair") }
            text.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw problem("an unknown escape in text")
        }
    }

    private mutating func hexadecimal() throws(JSONProblem) -> UInt16 {
        guard bytes.count - position >= 4,
            bytes[position..<position + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt16(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw problem("\\u needs four hexadecimal digits") }
        position += 4
        return value
    }

    private mutating func number() throws(JSONProblem) -> JSONValue {
        let start = position
        _ = take("-")
        let firstDigit = position
        guard skipDigits() > 0 else {
            position = start
            throw problem("a value is missing or malformed")
        }
        guard bytes[firstDigit] != UInt8(ascii: "0") || position == firstDigit + 1 else {
            throw problem("a number starts with 0")
        }
        var isWhole = true
        if take(".") {
            isWhole = false
            guard skipDigits() > 0 else { throw problem("digits are missing after the point") }
        }
        if take("e") || take("E") {
            isWhole = false
            if !take("+") { _ = take("-") }
            guard skipDigits() > 0 else { throw problem("digits are missing in the exponent") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw problem("the number \(text) is too large") }
        return .number(value)
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        return position - start
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONProblem) -> JSONValue {
        let letters = Array("\(word)".utf8)
        guard bytes[position...].starts(with: letters) else { throw problem("a value is missing or malformed") }
        position += letters.count
        return value
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private func problem(_ text: String) -> JSONProblem { JSONProblem(offset: position, text: text) }
}

/// What is wrong with a JSON document, and at which byte.
struct JSONProblem: Error {
    let offset: Int
    let text: String
}

extension JSONValue {
    /// Reads a JSON document.
    ///
    /// - Parameters:
    ///   - bytes: the whole document, UTF-8.
    ///   - path: the file it comes from, for messages.
    ///   - part: what of the file the bytes are, e.g. "the header", where they are not all of it.
    /// - Throws: `FileError` that says at which byte the document is malformed; a key that occurs twice is, too.
    package init(parsing bytes: [UInt8], from path: String, part: String? = nil) throws {
        do {
            self = try JSONParser.parse(bytes)
        } catch {
            let whole = part.map { $0 + " " } ?? ""
            throw FileError(path, "\(whole)is not valid JSON: \(error.text) (byte \(error.offset))")
        }
    }

    /// Reads a JSON file. - Throws: `FileError` where it is missing or malformed.
    package init(path: String) throws {
        let file = try MappedFile(path: path)
        try self.init(parsing: file.bytes(0..<file.count), from: path)
    }
}
