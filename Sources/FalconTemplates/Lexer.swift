/// Cuts a template into tokens, with Jinja's white space rules as transformers sets them: `trim_blocks`,
/// `lstrip_blocks`, and one newline at the very end dropped.
struct Lexer {
    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private var tokens: [Token] = []
    /// Whether the text that comes begins a line.
    private var startsLine = true

    static func tokens(of source: String) throws(Problem) -> [Token] {
        var lexer = Lexer(source)
        try lexer.run()
        return lexer.tokens
    }

    private init(_ source: String) {
        // Jinja takes every kind of line end for \n, in string constants too.
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.utf8.count)
        var afterReturn = false
        for byte in source.utf8 {
            if byte == 0x0D {
                bytes.append(0x0A)
            } else if byte != 0x0A || !afterReturn {
                bytes.append(byte)
            }
            afterReturn = byte == 0x0D
        }
        if bytes.last == 0x0A { bytes.removeLast() }
        self.bytes = bytes
    }

    private mutating func run() throws(Problem) {
        while let open = nextOpening() {
            let kind = bytes[open + 1]
            let sign = open + 2 < bytes.count ? bytes[open + 2] : 0
            let isSigned = sign == UInt8(ascii: "-") || (sign == UInt8(ascii: "+") && kind != UInt8(ascii: "{"))
            addText(upTo: open, strips: sign == UInt8(ascii: "-"), dedents: kind != UInt8(ascii: "{") && !isSigned)
            move(to: open + (isSigned ? 3 : 2))
            switch kind {
            case UInt8(ascii: "#"): try comment()
            case UInt8(ascii: "{"):
                add(.outputBegin)
                try code(closing: "}}")
            default:
                if let body = rawBody() {
                    try raw(from: body)
                } else {
                    add(.tagBegin)
                    try code(closing: "%}")
                }
            }
        }
        addText(upTo: bytes.count, strips: false, dedents: false)
        add(.end)
    }

    // MARK: Text

    /// The next `{{`, `{%` or `{#`.
    private func nextOpening() -> Int? {
        var place = position
        while place + 1 < bytes.count {
            if bytes[place] == UInt8(ascii: "{") {
                let next = bytes[place + 1]
                if next == UInt8(ascii: "{") || next == UInt8(ascii: "%") || next == UInt8(ascii: "#") { return place }
            }
            place += 1
        }
        return nil
    }

    /// - Parameters:
    ///   - strips: white space before the tag, line ends too.
    ///   - dedents: white space between the last line end and the tag, where nothing else is between.
    private mutating func addText(upTo end: Int, strips: Bool, dedents: Bool) {
        var text = Text(bytes[position..<end])
        if strips {
            text = text.trimmed(.end)
        } else if dedents {
            let lineStart = text.bytes.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
            if lineStart > 0 || startsLine, Text(text.bytes[lineStart...]).trimmed().isEmpty {
                text = Text(text.bytes[..<lineStart])
            }
        }
        if !text.isEmpty { add(.text(text)) }
        move(to: end)
    }

    private mutating func comment() throws(Problem) {
        var place = position
        while place + 1 < bytes.count, bytes[place] != UInt8(ascii: "#") || bytes[place + 1] != UInt8(ascii: "}") {
            place += 1
        }
        guard place + 1 < bytes.count else { throw Problem("the comment '{#' has no end '#}'", line: line) }
        let sign = place > position ? bytes[place - 1] : 0
        move(to: place + 2)
        close(sign, trimsLine: true)
    }

    /// Where the body of a `raw` tag begins, `position` being behind its `{%`; `nil` for another tag.
    private func rawBody() -> (place: Int, sign: UInt8)? {
        guard let name = word("raw", at: position) else { return nil }
        return tagEnd(at: name)
    }

    private func word(_ word: String, at start: Int) -> Int? {
        var place = start
        while place < bytes.count, Text.isSpace(Unicode.Scalar(bytes[place])) { place += 1 }
        guard bytes[place...].starts(with: word.utf8) else { return nil }
        return place + word.utf8.count
    }

    private func tagEnd(at start: Int) -> (place: Int, sign: UInt8)? {
        var place = start
        while place < bytes.count, Text.isSpace(Unicode.Scalar(bytes[place])) { place += 1 }
        var sign: UInt8 = 0
        if place < bytes.count, bytes[place] == UInt8(ascii: "-") || bytes[place] == UInt8(ascii: "+") {
            sign = bytes[place]
            place += 1
        }
        return bytes[place...].starts(with: "%}".utf8) ? (place + 2, sign) : nil
    }

    private mutating func raw(from body: (place: Int, sign: UInt8)) throws(Problem) {
        let start = line
        move(to: body.place)
        close(body.sign, trimsLine: false)
        var place = position
        while let open = bytes[...].place(of: Array("{%".utf8), from: place) {
            var name = open + 2
            var sign: UInt8 = 0
            if name < bytes.count, bytes[name] == UInt8(ascii: "-") || bytes[name] == UInt8(ascii: "+") {
                sign = bytes[name]
                name += 1
            }
            if let word = word("endraw", at: name), let end = tagEnd(at: word) {
                addText(upTo: open, strips: sign == UInt8(ascii: "-"), dedents: sign == 0)
                move(to: end.place)
                close(end.sign, trimsLine: true)
                return
            }
            place = open + 2
        }
        throw Problem("'raw' has no 'endraw'", line: start)
    }

    /// What a tag's end takes of the text behind it.
    private mutating func close(_ sign: UInt8, trimsLine: Bool) {
        let start = position
        if sign == UInt8(ascii: "-") {
            var place = position
            while let (scalar, next) = Text.scalar(in: bytes, at: place, end: bytes.count), Text.isSpace(scalar) {
                place = next
            }
            move(to: place)
        } else if trimsLine, sign != UInt8(ascii: "+"), position < bytes.count, bytes[position] == 0x0A {
            move(to: position + 1)
        }
        startsLine = position > start && bytes[position - 1] == 0x0A
    }

    private mutating func add(_ kind: Token.Kind) { tokens.append(Token(kind: kind, line: line)) }

    private mutating func move(to place: Int) {
        for byte in bytes[position..<place] where byte == 0x0A { line += 1 }
        position = place
    }

    // MARK: Code

    private static let twoByteSigns = ["**", "//", "==", "!=", ">=", "<="].map { Array($0.utf8) }

    /// Tokens up to and with the end of the tag. Inside brackets the end's characters are brackets themselves.
    private mutating func code(closing: String) throws(Problem) {
        let isOutput = closing == "}}"
        let start = line
        var brackets: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            if brackets.isEmpty, let end = end(closing) {
                add(isOutput ? .outputEnd : .tagEnd)
                let sign = bytes[position]
                move(to: end)
                close(sign == closing.utf8.first ? 0 : sign, trimsLine: !isOutput)
                return
            }
            if let (scalar, next) = Text.scalar(in: bytes, at: position, end: bytes.count), Text.isSpace(scalar) {
                move(to: next)
            } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
                try string(byte)
            } else if byte &- UInt8(ascii: "0") < 10 {
                try number()
            } else if isNameByte(byte) {
                let first = position
                var end = position
                while end < bytes.count, isNameByte(bytes[end]) { end += 1 }
                move(to: end)
                add(.name(Text(bytes[first..<end]).string))
            } else {
                try sign(byte, &brackets)
            }
        }
        throw Problem("the tag '\(isOutput ? "{{" : "{%")' has no end '\(closing)'", line: start)
    }

    private func end(_ closing: String) -> Int? {
        var place = position
        let byte = bytes[place]
        if byte == UInt8(ascii: "-") || (byte == UInt8(ascii: "+") && closing == "%}") { place += 1 }
        return bytes[place...].starts(with: closing.utf8) ? place + 2 : nil
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        byte | 0x20 &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: "_")
            || byte >= 0x80
    }

    private mutating func sign(_ byte: UInt8, _ brackets: inout [UInt8]) throws(Problem) {
        switch byte {
        case UInt8(ascii: "("): brackets.append(UInt8(ascii: ")"))
        case UInt8(ascii: "["): brackets.append(UInt8(ascii: "]"))
        case UInt8(ascii: "{"): brackets.append(UInt8(ascii: "}"))
        case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
            guard let expected = brackets.popLast() else {
                throw Problem("'\(Unicode.Scalar(byte))' without its opening bracket", line: line)
            }
            guard expected == byte else {
                throw Problem("'\(Unicode.Scalar(byte))' where '\(Unicode.Scalar(expected))' should be", line: line)
            }
        default: break
        }
        for sign in Lexer.twoByteSigns where bytes[position...].starts(with: sign) {
            add(.sign(Text(sign).string))
            return move(to: position + 2)
        }
        guard "+-/*%~[](){}<>=.:|,;".utf8.contains(byte) else {
            let (scalar, _) = Text.scalar(in: bytes, at: position, end: bytes.count) ?? ("?", 0)
            throw Problem("unexpected character \(String(scalar).debugDescription)", line: line)
        }
        add(.sign(String(Unicode.Scalar(byte))))
        move(to: position + 1)
    }
}

// MARK: Constants

extension Lexer {
    private mutating func number() throws(Problem) {
        // 1_000, 0x1F, 0b1, 0o7, 1.5, 1e3: Python's forms.
        let start = position
        var place = position
        let base: Int? =
            switch bytes[place] == UInt8(ascii: "0") && place + 1 < bytes.count ? bytes[place + 1] | 0x20 : 0 {
            case UInt8(ascii: "x"): 16
            case UInt8(ascii: "o"): 8
            case UInt8(ascii: "b"): 2
            default: nil
            }
        if let base {
            place += 2
            while place < bytes.count, isDigit(bytes[place], base) || bytes[place] == UInt8(ascii: "_") { place += 1 }
            let digits = Text(bytes[(start + 2)..<place]).string.replacing("_", with: "")
            guard let value = Int(digits, radix: base) else { throw Problem("a number too large", line: line) }
            move(to: place)
            return add(.integer(value))
        }
        digits(&place)
        var isWhole = true
        // A number behind a dot is a place in a list: a.0.1
        let isPlace = start > 0 && bytes[start - 1] == UInt8(ascii: ".")
        if !isPlace, place + 1 < bytes.count, bytes[place] == UInt8(ascii: "."), isDigit(bytes[place + 1], 10) {
            isWhole = false
            place += 1
            digits(&place)
        }
        if !isPlace, place + 1 < bytes.count, bytes[place] | 0x20 == UInt8(ascii: "e") {
            var next = place + 1
            if bytes[next] == UInt8(ascii: "+") || bytes[next] == UInt8(ascii: "-") { next += 1 }
            if next < bytes.count, isDigit(bytes[next], 10) {
                isWhole = false
                place = next
                digits(&place)
            }
        }
        let text = Text(bytes[start..<place]).string.replacing("_", with: "")
        move(to: place)
        if isWhole {
            guard text == "0" || text.utf8.first != UInt8(ascii: "0") || text.utf8.allSatisfy({ $0 == 0x30 }) else {
                throw Problem("a number may not start with 0", line: line)
            }
            guard let value = Int(text) else { throw Problem("a number too large", line: line) }
            add(.integer(value))
        } else {
            add(.float(Double(text) ?? .infinity))
        }
    }

    private func isDigit(_ byte: UInt8, _ base: Int) -> Bool {
        Character(Unicode.Scalar(byte)).hexDigitValue.map { $0 < base } ?? false
    }

    private func digits(_ place: inout Int) {
        while place < bytes.count,
            isDigit(bytes[place], 10)
                || (bytes[place] == UInt8(ascii: "_") && place + 1 < bytes.count && isDigit(bytes[place + 1], 10))
        { place += 1 }
    }

    private mutating func string(_ quote: UInt8) throws(Problem) {
        let start = line
        var place = position + 1
        var content: [UInt8] = []
        while place < bytes.count {
            let byte = bytes[place]
            if byte == quote {
                move(to: place + 1)
                return add(.string(Text(content)))
            }
            place += 1
            if byte == UInt8(ascii: "\\") { try escape(&place, &content) } else { content.append(byte) }
        }
        throw Problem("the string has no closing \(quote == 0x22 ? "quotation mark" : "apostrophe")", line: start)
    }

    /// Python's escapes; an unknown one stays as it is written.
    private func escape(_ place: inout Int, _ content: inout [UInt8]) throws(Problem) {
        guard place < bytes.count else { return }
        let byte = bytes[place]
        place += 1
        switch byte {
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): content.append(byte)
        case UInt8(ascii: "a"): content.append(0x07)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "v"): content.append(0x0B)
        case 0x0A: break
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            var value = UInt32(byte - UInt8(ascii: "0"))
            var count = 1
            while count < 3, place < bytes.count, isDigit(bytes[place], 8) {
                value = value * 8 + UInt32(bytes[place] - UInt8(ascii: "0"))
                place += 1
                count += 1
            }
            try append(value, &content)
        case UInt8(ascii: "x"): try append(hexadecimal(2, &place), &content)
        case UInt8(ascii: "u"): try append(hexadecimal(4, &place), &content)
        case UInt8(ascii: "U"): try append(hexadecimal(8, &place), &content)
        case UInt8(ascii: "N"): throw Problem("the escape \\N{...} is not supported: write the character", line: line)
        default: content += [UInt8(ascii: "\\"), byte]
        }
    }

    private func hexadecimal(_ count: Int, _ place: inout Int) throws(Problem) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard place < bytes.count, let digit = Character(Unicode.Scalar(bytes[place])).hexDigitValue else {
                throw Problem("an escape in a string needs \(count) hexadecimal digits", line: line)
            }
            value = value &* 16 &+ UInt32(digit)
            place += 1
        }
        return value
    }

    private func append(_ value: UInt32, _ content: inout [UInt8]) throws(Problem) {
        guard let scalar = Unicode.Scalar(value) else {
            throw Problem("an escape in a string that is no character", line: line)
        }
        content.append(contentsOf: String(scalar).utf8)
    }
}
