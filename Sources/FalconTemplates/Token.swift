/// A piece of a template's text, as the lexer cuts it.
struct Token: Sendable {
    enum Kind: Sendable, Equatable {
        case text(Text)
        case outputBegin, outputEnd, tagBegin, tagEnd
        case name(String)
        case string(Text)
        case integer(Int)
        case float(Double)
        case sign(String)
        case end
    }

    let kind: Kind
    let line: Int

    func isName(_ name: String) -> Bool { kind == .name(name) }

    func isSign(_ sign: String) -> Bool { kind == .sign(sign) }

    /// In words, for errors.
    var words: String {
        switch kind {
        case .text: "text"
        case .outputBegin: "'{{'"
        case .outputEnd: "'}}'"
        case .tagBegin: "'{%'"
        case .tagEnd: "'%}'"
        case .name(let name): "'\(name)'"
        case .string: "a string"
        case .integer(let value): "\(value)"
        case .float(let value): "\(value)"
        case .sign(let sign): "'\(sign)'"
        case .end: "the end of the template"
        }
    }
}
