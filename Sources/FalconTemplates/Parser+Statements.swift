extension Parser {
    /// Statements up to a tag with one of the names, which is left as the current token.
    mutating func statements(until ends: [String]) throws(Problem) -> [Statement] {
        try enter()
        defer { leave() }
        let start = line
        var statements: [Statement] = []
        while true {
            let token = current
            switch token.kind {
            case .end:
                guard ends.isEmpty else {
                    throw Problem("the template ends without '\(ends.last ?? "")'", line: start)
                }
                return statements
            case .text(let text):
                next()
                statements.append(Statement(line: token.line, kind: .text(text)))
            case .outputBegin:
                next()
                let value = try tuple()
                try expect(.outputEnd, "'}}'")
                if case .literal(.string(let text)) = value { noteAlone(text) }
                statements.append(Statement(line: token.line, kind: .output(value)))
            case .tagBegin:
                next()
                if case .name(let name) = current.kind, ends.contains(name) { return statements }
                if let statement = try statement() { statements.append(statement) }
                try expect(.tagEnd, "'%}'")
            default: throw unexpected("text")
            }
        }
    }

    /// The body of a tag up to its end tag, of which the name is taken.
    private mutating func body(until end: String) throws(Problem) -> [Statement] {
        try body(until: [end]).statements
    }

    private mutating func body(until ends: [String]) throws(Problem) -> (statements: [Statement], end: String) {
        try expect(.tagEnd, "'%}'")
        let statements = try statements(until: ends)
        return (statements, try expectName())
    }

    /// A body that sets names of its own and looks up its filters early.
    private mutating func scope(until ends: [String]) throws(Problem) -> (statements: [Statement], end: String) {
        let outer = isConditional
        isConditional = false
        defer { isConditional = outer }
        return try body(until: ends)
    }

    private mutating func statement() throws(Problem) -> Statement? {
        let line = line
        guard case .name(let name) = current.kind else { throw unexpected("the name of a tag") }
        next()
        let kind: Statement.Kind
        switch name {
        case "if": kind = try conditional()
        case "for": kind = .loop(try loop())
        case "set": kind = try set()
        case "macro": kind = .macro(try macro())
        case "call": kind = try callBlock()
        case "filter":
            let filter = try filters(.captured, startsInside: true)
            kind = .filterBlock(filter, body: try scope(until: ["endfilter"]).statements)
        case "with": kind = try with()
        case "do": kind = .evaluate(try tuple())
        case "print": kind = try printed()
        case "generation":
            hasGeneration = true
            let outer = loops
            loops = 0
            kind = .generation(try scope(until: ["endgeneration"]).statements)
            loops = outer
        case "break", "continue":
            guard loops > 0 else { throw Problem("'\(name)' outside of a loop", line: line) }
            kind = name == "break" ? .leaveLoop : .nextRound
        case "autoescape":
            guard current.isName("false") || current.isName("False") else {
                throw Problem("'autoescape' is not supported: chat templates write text as it is", line: line)
            }
            next()
            kind = .with([], body: try scope(until: ["endautoescape"]).statements)
        case "include", "import", "from", "extends", "block":
            throw Problem("'\(name)' is not supported: a chat template is one file", line: line)
        case "trans", "pluralize", "debug", "raw":
            throw Problem("the tag '\(name)' is not supported", line: line)
        case "endif", "endfor", "endmacro", "endcall", "endfilter", "endset", "endwith", "endgeneration", "elif",
            "else",
            "endautoescape", "endraw":
            throw Problem("'\(name)' without its opening tag", line: line)
        default: throw Problem("unknown tag '\(name)'", line: line)
        }
        return Statement(line: line, kind: kind)
    }

    private mutating func conditional() throws(Problem) -> Statement.Kind {
        let outer = isConditional
        isConditional = true
        defer { isConditional = outer }
        var cases: [(test: Expression, body: [Statement])] = []
        while true {
            let test = try tuple(allowsConditional: false)
            let (statements, end) = try body(until: ["elif", "else", "endif"])
            cases.append((test, statements))
            if end == "elif" { continue }
            let otherwise = end == "else" ? try body(until: "endif") : []
            return .conditional(cases, otherwise: otherwise)
        }
    }

    private mutating func loop() throws(Problem) -> Loop {
        let place = line
        let target = try target(end: "in")
        try refuseLoopName(target, line: place)
        try expect(name: "in")
        let items = try tuple(allowsConditional: false, end: "recursive")
        let outer = isConditional
        isConditional = false
        let test = skip(name: "if") ? try expression() : nil
        isConditional = outer
        let isRecursive = skip(name: "recursive")
        loops += 1
        let (statements, end) = try scope(until: ["else", "endfor"])
        loops -= 1
        let otherwise = end == "else" ? try scope(until: ["endfor"]).statements : []
        return Loop(
            target: target, items: items, test: test, body: statements, otherwise: otherwise, isRecursive: isRecursive)
    }

    private func refuseLoopName(_ target: Target, line: Int) throws(Problem) {
        switch target {
        case .name(let name):
            if names[name] == "loop" { throw Problem("'for' cannot assign to 'loop'", line: line) }
        case .tuple(let targets): for target in targets { try refuseLoopName(target, line: line) }
        case .attribute: break
        }
    }

    private mutating func set() throws(Problem) -> Statement.Kind {
        let target = try target(allowsAttribute: true)
        if skip(sign: "=") { return .set(target, try tuple()) }
        let filter = current.isSign("|") ? try filters(.captured, startsInside: false) : nil
        return .setBlock(target, filter: filter, body: try scope(until: ["endset"]).statements)
    }

    private mutating func with() throws(Problem) -> Statement.Kind {
        var assignments: [(Target, Expression)] = []
        while current.kind != .tagEnd {
            if !assignments.isEmpty { try expect(sign: ",") }
            let target = try target()
            try expect(sign: "=")
            assignments.append((target, try expression()))
        }
        return .with(assignments, body: try scope(until: ["endwith"]).statements)
    }

    private mutating func printed() throws(Problem) -> Statement.Kind {
        var parts: [Expression] = []
        while current.kind != .tagEnd {
            if !parts.isEmpty { try expect(sign: ",") }
            parts.append(try expression())
        }
        return .output(.concatenation(parts))
    }

    // MARK: Macros

    private mutating func macro() throws(Problem) -> MacroDefinition {
        try definition(named: expectName(), end: "endmacro")
    }

    private mutating func callBlock() throws(Problem) -> Statement.Kind {
        let line = line
        let parameters = current.isSign("(") ? try signature() : []
        guard case .call(let callee, let arguments, _) = try expression() else {
            throw Problem("'call' needs a call: {% call name(...) %}", line: line)
        }
        let body = try definition(named: nil, parameters: parameters, end: "endcall")
        return .call(callee, arguments, body)
    }

    private mutating func definition(
        named name: String?, parameters: [MacroDefinition.Parameter]? = nil, end: String
    ) throws(Problem) -> MacroDefinition {
        let outer = (readsCaller, readsNamed, readsRest, loops)
        (readsCaller, readsNamed, readsRest, loops) = (false, false, false, 0)
        let parameters = if let parameters { parameters } else { try signature() }
        let body = try scope(until: [end]).statements
        let declared = Set(parameters.map(\.text))
        var number: Int?
        if let name { number = self.number(name) }
        let definition = MacroDefinition(
            name: name, number: number, parameters: parameters, body: body,
            takesCaller: readsCaller && !declared.contains(Text("caller")),
            takesNamed: readsNamed && !declared.contains(Text("kwargs")),
            takesRest: readsRest && !declared.contains(Text("varargs")))
        for name in ["caller", "kwargs", "varargs"] { _ = self.number(name) }
        (readsCaller, readsNamed, readsRest) = (
            outer.0 || readsCaller, outer.1 || readsNamed, outer.2 || readsRest
        )
        loops = outer.3
        return definition
    }

    private mutating func signature() throws(Problem) -> [MacroDefinition.Parameter] {
        var parameters: [MacroDefinition.Parameter] = []
        var names: Set<String> = []
        try expect(sign: "(")
        while !current.isSign(")") {
            if !parameters.isEmpty { try expect(sign: ",") }
            let name = try expectName()
            guard names.insert(name).inserted else {
                throw Problem("the parameter '\(name)' occurs twice", line: line)
            }
            let standard = skip(sign: "=") ? try expression() : nil
            if standard == nil, parameters.last?.standard != nil {
                throw Problem("the parameter '\(name)' needs a default, as those before it have one", line: line)
            }
            parameters.append(.init(name: number(name), text: Text(name), standard: standard))
        }
        try expect(sign: ")")
        return parameters
    }

    // MARK: Targets

    private mutating func target(end: String? = nil, allowsAttribute: Bool = false) throws(Problem) -> Target {
        let line = line
        let first = try oneTarget(allowsAttribute)
        guard current.isSign(",") else { return first }
        var targets = [first]
        while skip(sign: ",") {
            if let end, current.isName(end) { break }
            if current.isSign("=") || current.kind == .tagEnd { break }
            targets.append(try oneTarget(allowsAttribute))
            guard targets.count <= limits.nesting else { throw Problem("too many names to assign to", line: line) }
        }
        return .tuple(targets)
    }

    private mutating func oneTarget(_ allowsAttribute: Bool) throws(Problem) -> Target {
        if skip(sign: "(") {
            try enter()
            defer { leave() }
            let inner = try target(allowsAttribute: allowsAttribute)
            try expect(sign: ")")
            return inner
        }
        guard case .name(let name) = current.kind else {
            throw Problem("cannot assign to \(current.words)", line: line)
        }
        guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
            throw Problem("cannot assign to '\(name)'", line: line)
        }
        next()
        if allowsAttribute, skip(sign: ".") { return .attribute(number(name), Text(try expectName())) }
        return .name(number(name))
    }
}
