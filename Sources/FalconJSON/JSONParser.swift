/// What is wrong with a JSON text and where, in one line.
package struct JSONError: Error, CustomStringConvertible, Equatable {
    package let line: Int
    /// In bytes, from 1.
    package let column: Int
    package let problem: String

    package var description: String { "line \(line), column \(column): \(problem)" }

    /// The same for a text that is one line of a file, whose number somebody else knows.
    package var withoutLine: String { "column \(column): \(problem)" }
}

/// Reads one JSON text (RFC 8259), strictly: UTF-8, no comments, no key twice in an object. Safe on hostile input:
/// nesting is bounded, and nothing is allocated beyond what the text holds.
///
/// Foundation's reader takes the last of two equal keys without a word, and takes keys of equal normal form for equal.
/// In a header that says where tensors lie, in a vocabulary or in a model's configuration that hides damage.
package struct JSONParser {
    /// What an escaped surrogate without its partner is.
    package enum HalfSurrogates: Sendable {
        case refused
        /// U+FFFD takes its place: real chat data holds such halves.
        case replaced
    }

    /// Deeper nesting is refused, before it could exhaust the stack.
    package static let maximumDepth = 128

    private let bytes: [UInt8]
    private let end: Int
    private let halfSurrogates: HalfSurrogates
    private var position: Int

    /// Reads `bytes`, or the part `range` of them, for a file that holds one JSON text a line. Lines and columns in
    /// errors count from the start of `bytes`.
    package static func parse(
        _ bytes: [UInt8], in range: Range<Int>? = nil, halfSurrogates: HalfSurrogates = .refused
    ) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes, range ?? 0..<bytes.count, halfSurrogates)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == parser.end else { throw parser.error("unexpected text after the JSON value") }
        return value
    }

    private init(_ bytes: [UInt8], _ range: Range<Int>, _ halfSurrogates: HalfSurrogates) {
        self.bytes = bytes
        self.halfSurrogates = halfSurrogates
        end = range.upperBound
        position = range.lowerBound
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < Self.maximumDepth else { throw error("nested deeper than \(Self.maximumDepth) levels") }
        skipSpace()
        guard position < end else { throw error("the text ends where a value should be") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .boolean(true))
        case UInt8(ascii: "f"): return try literal("false", .boolean(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        position += 1
        var object = JSONObject()
        if skipSpace(then: UInt8(ascii: "}")) { return .object(object) }
        while true {
            skipSpace()
            guard position < end, bytes[position] == UInt8(ascii: "\"") else { throw error("expected a quoted key") }
            let place = position
            let key = try string()
            guard skipSpace(then: UInt8(ascii: ":")) else { throw error("expected ':' after a key") }
            guard object.append(key, try value(depth: depth + 1)) else {
                throw error("the key '\(key)' occurs twice in an object", at: place)
            }
            if skipSpace(then: UInt8(ascii: ",")) { continue }
            guard skipSpace(then: UInt8(ascii: "}")) else { throw error("expected ',' or '}' in an object") }
            return .object(object)
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        position += 1
        var values: [JSONValue] = []
        if skipSpace(then: UInt8(ascii: "]")) { return .array(values) }
        while true {
            values.append(try value(depth: depth + 1))
            if skipSpace(then: UInt8(ascii: ",")) { continue }
            guard skipSpace(then: UInt8(ascii: "]")) else { throw error("expected ',' or ']' in a list") }
            return .array(values)
        }
    }

    private mutating func literal(_ name: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for byte in "\(name)".utf8 {
            guard position < end, bytes[position] == byte else { throw error("expected '\(name)'") }
            position += 1
        }
        return value
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        if position < end, bytes[position] == UInt8(ascii: "-") { position += 1 }
        let digits = digitRun()
        guard digits > 0 else {
            position = start
            throw error("expected a value")
        }
        guard digits == 1 || bytes[position - digits] != UInt8(ascii: "0") else {
            throw error("a number may not start with 0")
        }
        var isWhole = true
        if position < end, bytes[position] == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            guard digitRun() > 0 else { throw error("expected digits after the decimal point") }
        }
        if position < end, bytes[position] | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            position += 1
            if position < end, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            guard digitRun() > 0 else { throw error("expected digits in the exponent") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw error("a number too large", at: start) }
        return .number(value)
    }

    private mutating func digitRun() -> Int {
        let start = position
        while position < end, bytes[position] &- UInt8(ascii: "0") < 10 { position += 1 }
        return position - start
    }

    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while position < end {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                guard let text = String(validating: bytes[start..<position], as: UTF8.self) else {
                    throw error("a string that is not UTF-8")
                }
                position += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            guard byte >= 0x20 else { throw error("a control character inside a string") }
            position += 1
        }
        throw error("the text ends inside a string")
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var text = Array(bytes[start..<position])
        while position < end {
            let byte = bytes[position]
            guard byte >= 0x20 else { throw error("a control character inside a string") }
            position += 1
            if byte == UInt8(ascii: "\"") {
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw error("a string that is not UTF-8")
                }
                return string
            }
            if byte == UInt8(ascii: "\\") {
                try escape(into: &text)
            } else {
                text.append(byte)
            }
        }
        throw error("the text ends inside a string")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        guard position < end else { throw error("the text ends inside a string") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if 0xd800..<0xdc00 ~= code, position + 1 < end, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            {
                let back = position
                position += 2
                let low = try hexadecimal()
                if 0xdc00..<0xe000 ~= low {
                    code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
                } else {
                    position = back
                }
            }
            guard let scalar = Unicode.Scalar(code) ?? (halfSurrogates == .replaced ? "\u{fffd}" : nil) else {
                throw error("half of a surrogate pair")
            }
            text.append(contentsOf: String(scalar).utf8)
        default: throw error("an unknown escape in a string")
        }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        guard position + 4 <= end else { throw error("the text ends inside a string") }
        var code: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("expected four hexadecimal digits after \\u")
            }
            code = code << 4 | UInt32(digit)
        }
        position += 4
        return code
    }

    private mutating func skipSpace() {
        while position < end, isSpace(bytes[position]) { position += 1 }
    }

    private mutating func skipSpace(then byte: UInt8) -> Bool {
        skipSpace()
        guard position < end, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
    }

    private func error(_ problem: String, at place: Int? = nil) -> JSONError {
        var line = 1
        var column = 1
        for byte in bytes[..<min(place ?? position, end)] {
            column += 1
            if byte == 0x0a { (line, column) = (line + 1, 1) }
        }
        return JSONError(line: line, column: column, problem: problem)
    }
}
