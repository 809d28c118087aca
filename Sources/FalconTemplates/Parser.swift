/// Makes a tree of a template's tokens, with Jinja's grammar.
struct Parser {
    let limits: TemplateLimits
    private let tokens: [Token]
    private var position = 0
    private var nesting = 0
    /// Names by number, in the order of their first occurrence.
    private(set) var names: [String] = []
    private var numbers: [String: Int] = [:]

    // What statements note for the tags around them.
    var loops = 0
    /// Jinja looks up a filter's name early, but inside `if` only when it gets there.
    var isConditional = false
    var readsCaller = false
    var readsNamed = false
    var readsRest = false
    var hasGeneration = false
    /// The strings that a template writes.
    private(set) var literals: Set<[UInt8]> = []
    /// Those that an output holds and nothing else.
    private(set) var aloneLiterals: Set<[UInt8]> = []

    init(_ tokens: [Token], limits: TemplateLimits) {
        self.tokens = tokens
        self.limits = limits
    }

    mutating func template() throws(Problem) -> [Statement] {
        let statements = try statements(until: [])
        guard current.kind == .end else { throw unexpected("the end") }
        return statements
    }

    // MARK: Tokens

    var current: Token { tokens[position] }

    func look(_ distance: Int = 1) -> Token { tokens[min(position + distance, tokens.count - 1)] }

    var line: Int { current.line }

    @discardableResult
    mutating func next() -> Token {
        let token = tokens[position]
        if position + 1 < tokens.count { position += 1 }
        return token
    }

    mutating func skip(sign: String) -> Bool {
        guard current.isSign(sign) else { return false }
        next()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard current.isName(name) else { return false }
        next()
        return true
    }

    mutating func expect(sign: String) throws(Problem) {
        guard skip(sign: sign) else { throw unexpected("'\(sign)'") }
    }

    mutating func expect(name: String) throws(Problem) {
        guard skip(name: name) else { throw unexpected("'\(name)'") }
    }

    mutating func expectName() throws(Problem) -> String {
        guard case .name(let name) = current.kind else { throw unexpected("a name") }
        next()
        return name
    }

    mutating func expect(_ kind: Token.Kind, _ words: String) throws(Problem) {
        guard current.kind == kind else { throw unexpected(words) }
        next()
    }

    func unexpected(_ expected: String) -> Problem {
        Problem("\(current.words) where \(expected) should be", line: line)
    }

    // MARK: Names and nesting

    mutating func number(_ name: String) -> Int {
        if let number = numbers[name] { return number }
        numbers[name] = names.count
        names.append(name)
        return names.count - 1
    }

    mutating func note(_ literal: Text) { literals.insert(literal.bytes) }

    mutating func noteAlone(_ literal: Text) { aloneLiterals.insert(literal.bytes) }

    mutating func read(_ name: String) -> Expression {
        switch name {
        case "caller": readsCaller = true
        case "kwargs": readsNamed = true
        case "varargs": readsRest = true
        default: break
        }
        return .name(number(name))
    }

    /// Goes one level down. Every `enter` that does not throw needs a `leave`.
    mutating func enter() throws(Problem) {
        nesting += 1
        guard nesting <= limits.nesting else {
            throw Problem("nested deeper than \(limits.nesting) levels", line: line)
        }
    }

    mutating func leave() { nesting -= 1 }

    /// Long chains (`a + b + c ...`) are deep trees too.
    func checkChain(_ count: Int) throws(Problem) {
        guard count <= limits.nesting else {
            throw Problem("more than \(limits.nesting) operators in a row", line: line)
        }
    }
}
