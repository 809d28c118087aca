/// The structure of a document: lines, headers, keys, lists and inline tables (toml.io, version 1.0.0).
struct TOMLParser {
    /// Deeper nesting, of values or in one header's name, is refused before it could exhaust the stack.
    static let maximumDepth = 64

    /// U+FEFF, which some editors put in front of a file. Anywhere else but in text it is a mistake.
    private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

    let bytes: [UInt8]
    var position = 0

    /// - Parameter bytes: valid UTF-8.
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(TOMLError) -> TOMLTable {
        let root = TOMLTree(.header)
        var current = root
        if bytes.starts(with: TOMLParser.byteOrderMark) { position = TOMLParser.byteOrderMark.count }
        while true {
            try skipLines()
            guard let next = peek() else { return root.value }
            if next == UInt8(ascii: "[") {
                current = try header(root)
            } else {
                let start = position
                let (keys, value) = try pair(depth: 0)
                guard current.set(keys, value) else { throw twice(keys, at: start) }
            }
            try endLine()
        }
    }

    private mutating func header(_ root: TOMLTree) throws(TOMLError) -> TOMLTree {
        let start = position
        position += 1
        let isList = take("[")
        skipSpace()
        let keys = try key()
        skipSpace()
        guard take("]"), !isList || take("]") else { throw error("expected ']' behind the table's name") }
        guard let table = isList ? root.nextTable(at: keys) : root.table(at: keys) else { throw twice(keys, at: start) }
        return table
    }

    private mutating func pair(depth: Int) throws(TOMLError) -> (keys: [String], value: TOMLValue) {
        let keys = try key()
        skipSpace()
        guard take("=") else { throw error("expected '=' behind the key") }
        skipSpace()
        return (keys, try value(depth: depth))
    }

    /// `a`, `"a b"` or, with dots between them, several.
    private mutating func key() throws(TOMLError) -> [String] {
        var keys: [String] = []
        while true {
            guard keys.count < TOMLParser.maximumDepth else { throw error("nested too deeply") }
            switch peek() {
            case UInt8(ascii: "\""): keys.append(try basicString())
            case UInt8(ascii: "'"): keys.append(try literalString())
            default:
                let start = position
                while let byte = peek(), TOMLParser.isBare(byte) { position += 1 }
                guard position > start else { throw expected("a key") }
                keys.append(String(decoding: bytes[start..<position], as: UTF8.self))
            }
            let end = position
            skipSpace()
            guard take(".") else {
                position = end
                return keys
            }
            skipSpace()
        }
    }

    mutating func value(depth: Int) throws(TOMLError) -> TOMLValue {
        guard depth < TOMLParser.maximumDepth else { throw error("nested too deeply") }
        switch peek() {
        case UInt8(ascii: "\""):
            return .text(at("\"\"\"") ? try longString(quote: UInt8(ascii: "\"")) : try basicString())
        case UInt8(ascii: "'"):
            return .text(at("'''") ? try longString(quote: UInt8(ascii: "'")) : try literalString())
        case UInt8(ascii: "["): return try list(depth: depth)
        case UInt8(ascii: "{"): return try inlineTable(depth: depth)
        default: return try scalar()
        }
    }

    private mutating func list(depth: Int) throws(TOMLError) -> TOMLValue {
        position += 1
        var values: [TOMLValue] = []
        while true {
            try skipLines()
            if take("]") { return .list(values) }
            values.append(try value(depth: depth + 1))
            try skipLines()
            if take("]") { return .list(values) }
            guard take(",") else { throw error("expected ',' or ']' in the list") }
        }
    }

    private mutating func inlineTable(depth: Int) throws(TOMLError) -> TOMLValue {
        position += 1
        let table = TOMLTree(.header)
        skipSpace()
        if take("}") { return .table(TOMLTable()) }
        while true {
            skipSpace()
            let start = position
            let (keys, value) = try pair(depth: depth + 1)
            guard table.set(keys, value) else { throw twice(keys, at: start) }
            skipSpace()
            if take("}") { return .table(table.value) }
            guard take(",") else { throw error("expected ',' or '}' in the table") }
        }
    }

    // MARK: Bytes

    func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    func at(_ word: String) -> Bool { bytes[position...].starts(with: word.utf8) }

    mutating func take(_ word: String) -> Bool {
        guard at(word) else { return false }
        position += word.utf8.count
        return true
    }

    mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x09 { position += 1 }
    }

    /// A line's end, LF or CR LF.
    mutating func takeLineEnd() -> Bool { take("\n") || take("\r\n") }

    private mutating func skipLines() throws(TOMLError) {
        repeat {
            skipSpace()
            try skipComment()
        } while takeLineEnd()
    }

    private mutating func endLine() throws(TOMLError) {
        skipSpace()
        try skipComment()
        guard peek() == nil || takeLineEnd() else { throw expected("the end of the line") }
    }

    private mutating func skipComment() throws(TOMLError) {
        guard peek() == UInt8(ascii: "#") else { return }
        while let byte = peek(), byte != 0x0a, !at("\r\n") {
            guard byte >= 0x20 || byte == 0x09, byte != 0x7f else { throw error("a control character in a comment") }
            position += 1
        }
    }

    static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private func twice(_ keys: [String], at place: Int) -> TOMLError {
        error("'\(keys.joined(separator: "."))' is there already", at: place)
    }

    /// Of bytes that are no UTF-8 text, the number of the first line that is none.
    var firstLineNotText: Int {
        let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
        return (lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0) + 1
    }

    /// Something else stands where `thing` should; a mark that no editor shows is named.
    func expected(_ thing: String) -> TOMLError {
        let isMark = bytes[position...].starts(with: TOMLParser.byteOrderMark)
        return error("expected \(thing)" + (isMark ? ", not a byte order mark (U+FEFF)" : ""))
    }

    func error(_ problem: String, at place: Int? = nil) -> TOMLError {
        let before = bytes[..<min(place ?? position, bytes.count)]
        let line = before.count { $0 == 0x0a } + 1
        // An editor does not show the mark that a file may begin with.
        let first = before.starts(with: TOMLParser.byteOrderMark) ? TOMLParser.byteOrderMark.count : 0
        let start = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? first
        return TOMLError(line: line, column: before.count - start + 1, problem: problem)
    }
}
