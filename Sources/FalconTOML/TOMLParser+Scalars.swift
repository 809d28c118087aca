/// Strings, and words that are numbers, truth values or moments.
extension TOMLParser {
    mutating func basicString() throws(TOMLError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text += try escape()
            default: text.append(try plain())
            }
        }
        throw error("the text has no end")
    }

    mutating func literalString() throws(TOMLError) -> String {
        position += 1
        let start = position
        while let byte = peek() {
            if byte == UInt8(ascii: "'") {
                defer { position += 1 }
                return String(decoding: bytes[start..<position], as: UTF8.self)
            }
            _ = try plain()
        }
        throw error("the text has no end")
    }

    /// `"""..."""` or `'''...'''`, over several lines.
    mutating func longString(quote: UInt8) throws(TOMLError) -> String {
        position += 3
        _ = takeLineEnd()
        var text: [UInt8] = []
        while let byte = peek() {
            if byte == quote {
                var run = 0
                while peek() == quote, run < 5 {
                    run += 1
                    position += 1
                }
                // Up to two quotes may stand right before the three that end it.
                text += [UInt8](repeating: quote, count: run < 3 ? run : run - 3)
                if run >= 3 { return String(decoding: text, as: UTF8.self) }
            } else if takeLineEnd() {
                text.append(0x0a)
            } else if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                if !skipLineContinuation() { text += try escape() }
            } else {
                text.append(try plain())
            }
        }
        throw error("the text has no end")
    }

    /// A backslash at a line's end takes the white space up to the next word with it.
    private mutating func skipLineContinuation() -> Bool {
        let start = position
        position += 1
        skipSpace()
        guard takeLineEnd() else {
            position = start
            return false
        }
        repeat { skipSpace() } while takeLineEnd()
        return true
    }

    private mutating func plain() throws(TOMLError) -> UInt8 {
        let byte = bytes[position]
        guard byte >= 0x20 && byte != 0x7f || byte == 0x09 else {
            throw error("text holds a control character or a line's end")
        }
        position += 1
        return byte
    }

    private mutating func escape() throws(TOMLError) -> [UInt8] {
        position += 1
        guard let kind = peek() else { throw error("the text has no end") }
        position += 1
        switch kind {
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return [kind]
        case UInt8(ascii: "u"): return try scalarEscape(digits: 4)
        case UInt8(ascii: "U"): return try scalarEscape(digits: 8)
        default: throw error("an unknown escape", at: position - 2)
        }
    }

    private mutating func scalarEscape(digits: Int) throws(TOMLError) -> [UInt8] {
        let end = position + digits
        guard end <= bytes.count,
            bytes[position..<end].allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
            let code = UInt32(String(decoding: bytes[position..<end], as: UTF8.self), radix: 16),
            let scalar = UnicodeScalar(code)
        else { throw error("no Unicode character has this number") }
        position = end
        return Array(String(Character(scalar)).utf8)
    }

    /// Everything that has no quotes or brackets.
    mutating func scalar() throws(TOMLError) -> TOMLValue {
        let start = position
        skipWord()
        // A space may stand between date and time.
        if peek() == 0x20, TOMLMoment(bytes[start..<position]) != nil, position - start == 10,
            bytes[(position + 1)...].prefix(3).last == UInt8(ascii: ":")
        {
            position += 1
            skipWord()
        }
        let word = bytes[start..<position]
        guard !word.isEmpty else { throw expected("a value") }
        if let value = TOMLScalar.value(of: word) { return value }
        let shown = String(decoding: word.prefix(40), as: UTF8.self)
        guard TOMLMoment(word) == nil else { throw error("'\(shown)' is a date or time that there is not", at: start) }
        throw error("'\(shown)' is no value that fits 64 bits; text stands in quotes", at: start)
    }

    private mutating func skipWord() {
        let others = Array("+.:".utf8)
        while let byte = peek(), TOMLParser.isBare(byte) || others.contains(byte) { position += 1 }
    }
}
