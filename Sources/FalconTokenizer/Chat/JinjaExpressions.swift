/// The `{{ ... }}` of a chat template and the tag before each, for templates that write nothing outside of them.
///
/// This is no Jinja interpreter: it reads what a template writes out, so that a form can be recognised by it.
struct JinjaExpressions {
    /// What an expression adds up: quoted text, or code without spaces and quotes, e.g. `message[content]|trim`.
    enum Part: Equatable {
        case text(String)
        case code(String)
    }

    struct Expression {
        let parts: [Part]
        /// The last `{% ... %}` before it; empty where there is none.
        let tag: String
    }

    let expressions: [Expression]

    /// - Returns: `nil` where text outside of the tags would be written, after Hugging Face's trimming (a block takes
    ///   the line break behind it and the indentation before it).
    init?(_ template: String) {
        var rest = Array(template.unicodeScalars)[...]
        var expressions: [Expression] = []
        var tag = ""
        var (trimsBlock, trimsAll) = (false, false)
        while let open = Self.opening(in: rest) {
            let kind = rest[open + 1]
            let isCut = open + 2 < rest.endIndex && rest[open + 2] == "-"
            var gap = rest[rest.startIndex..<open]
            if trimsAll || isCut {
                gap.removeAll { $0.properties.isWhitespace }
            } else {
                if trimsBlock, gap.first == "\n" { gap.removeFirst() }
                if kind != "{" { while let last = gap.last, last == " " || last == "\t" { gap.removeLast() } }
            }
            guard gap.isEmpty, let close = Self.closing(of: kind, in: rest, from: open + 2) else { return nil }
            let start = isCut ? open + 3 : open + 2
            trimsAll = close > start && rest[close - 1] == "-"
            trimsBlock = kind != "{"
            let scalars = rest[min(start, close)..<(trimsAll ? close - 1 : close)]
            let body = String(String.UnicodeScalarView(scalars))
            if kind == "%" { tag = body }
            if kind == "{" { expressions.append(Expression(parts: Self.parts(body), tag: tag)) }
            rest = rest[(close + 2)...]
        }
        guard rest.allSatisfy(\.properties.isWhitespace), !expressions.isEmpty else { return nil }
        self.expressions = expressions
    }

    private static func opening(in text: ArraySlice<Unicode.Scalar>) -> Int? {
        text.indices.dropLast().first { text[$0] == "{" && "{%#".unicodeScalars.contains(text[$0 + 1]) }
    }

    /// Where a tag's closing pair begins, quoted text passed over.
    private static func closing(of kind: Unicode.Scalar, in text: ArraySlice<Unicode.Scalar>, from start: Int) -> Int? {
        let mark: Unicode.Scalar = kind == "{" ? "}" : kind
        var quote: Unicode.Scalar?
        var index = start
        while index + 1 < text.endIndex {
            let scalar = text[index]
            if let open = quote {
                if scalar == "\\" { index += 1 } else if scalar == open { quote = nil }
            } else if kind != "#", scalar == "'" || scalar == "\"" {
                quote = scalar
            } else if scalar == mark, text[index + 1] == "}" {
                return index
            }
            index += 1
        }
        return nil
    }

    private static func parts(_ body: String) -> [Part] {
        var (parts, code): ([Part], String) = ([], "")
        var scalars = Array(body.unicodeScalars)[...]
        // Quotes inside brackets name a member: message['content'].
        var depth = 0
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "'", "\"":
                var text = ""
                while let next = scalars.popFirst(), next != scalar {
                    if next == "\\", let escaped = scalars.popFirst() {
                        text.unicodeScalars.append(escaped == "n" ? "\n" : escaped)
                    } else {
                        text.unicodeScalars.append(next)
                    }
                }
                if depth == 0, code.isEmpty { parts.append(.text(text)) } else { code += text }
            case "+" where depth == 0:
                if !code.isEmpty { parts.append(.code(code)) }
                code = ""
            case " ", "\n", "\t": break
            default:
                if scalar == "[" || scalar == "(" { depth += 1 }
                if scalar == "]" || scalar == ")" { depth -= 1 }
                code.unicodeScalars.append(scalar)
            }
        }
        return code.isEmpty ? parts : parts + [.code(code)]
    }
}
