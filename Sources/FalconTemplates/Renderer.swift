/// One rendering: what is written so far, the names that are set, and how much has been used of what is allowed.
final class Renderer {
    let limits: TemplateLimits
    let names: [String]
    let clock: TemplateClock
    /// What the context gives each name; the functions that every template knows among them.
    let globals: [Value?]
    private(set) var root = Scope(nil)
    var scope: Scope
    private var output: [UInt8] = []
    /// How long the text itself is, while a macro or a block collects its own.
    private var rootLength: Int?
    private(set) var generationSpans: [Range<Int>] = []

    var line = 1
    private var steps = 0
    private var made = 0
    private var depth = 0
    private var loopDepth = 0
    private var namespaces: [Namespace] = []
    var captured: Text = .empty

    /// How a body ends.
    enum Flow { case normal, leaveLoop, nextRound }

    init(_ names: [String], _ globals: [Value?], clock: TemplateClock, limits: TemplateLimits) {
        self.names = names
        self.globals = globals
        self.clock = clock
        self.limits = limits
        scope = root
    }

    func render(_ statements: [Statement]) throws -> RenderedTemplate {
        defer {
            // Macros hold the scopes that hold them.
            root.clear()
            for namespace in namespaces { namespace.attributes.clear() }
        }
        _ = try execute(statements)
        return RenderedTemplate(
            text: String(decoding: output, as: UTF8.self), generationSpans: generationSpans)
    }

    // MARK: Limits

    func step(_ count: Int = 1) throws {
        steps += count
        guard steps <= limits.steps else { throw Problem("takes more than \(limits.steps) steps") }
    }

    var stepsLeft: Int { limits.steps - steps }

    /// Counts text or elements before they are made.
    func make(_ count: Int) throws {
        guard count <= limits.textBytes else { throw Problem("makes more text than \(limits.textBytes) bytes") }
        made += count
        guard made <= limits.madeBytes else { throw Problem("takes more memory than \(limits.madeBytes) bytes") }
    }

    func checkLength(_ count: Int) throws {
        guard count <= limits.textBytes else { throw Problem("makes more text than \(limits.textBytes) bytes") }
    }

    func makeElements(_ count: Int) throws {
        guard count <= limits.elements else { throw Problem("makes a list of more than \(limits.elements) elements") }
        try make(count * 32)
    }

    func enter() throws {
        depth += 1
        guard depth <= limits.depth else {
            throw Problem("goes deeper than \(limits.depth) levels (endless recursion?)")
        }
    }

    func leave() { depth -= 1 }

    func note(_ namespace: Namespace) { namespaces.append(namespace) }

    // MARK: Output

    private func write(_ text: Text) throws {
        guard output.count + text.bytes.count <= limits.textBytes else {
            throw Problem("writes more than \(limits.textBytes) bytes")
        }
        output.append(contentsOf: text.bytes)
    }

    /// What a body writes, kept out of the text.
    func capture(_ body: () throws -> Flow) throws -> (text: Text, flow: Flow) {
        let outer = output
        let isOutermost = rootLength == nil
        if isOutermost { rootLength = output.count }
        output = []
        defer {
            output = outer
            if isOutermost { rootLength = nil }
        }
        let flow = try body()
        try make(output.count)
        return (Text(output), flow)
    }

    // MARK: Scopes

    func inScope<Result>(_ scope: Scope, _ body: () throws -> Result) rethrows -> Result {
        let outer = self.scope
        self.scope = scope
        defer {
            scope.clear()
            self.scope = outer
        }
        return try body()
    }

    /// The same for a scope that others use too.
    func inKeptScope<Result>(_ scope: Scope, _ body: () throws -> Result) rethrows -> Result {
        let outer = self.scope
        self.scope = scope
        defer { self.scope = outer }
        return try body()
    }

    func value(of name: Int) -> Value {
        scope.value(name) ?? globals[name] ?? .undefined(Undefined("'\(names[name])', which is undefined"))
    }

    /// Values that are kept lie only so deep in one another.
    func keepable(_ value: Value) throws -> Value {
        guard value.nesting <= limits.valueNesting else {
            throw Problem("makes lists in lists deeper than \(limits.valueNesting) levels")
        }
        return value
    }

    func assign(_ target: Target, _ value: Value) throws {
        switch target {
        case .name(let name): scope.set(name, try keepable(value))
        case .attribute(let name, let attribute):
            guard case .namespace(let namespace) = self.value(of: name) else {
                throw Problem("cannot set '\(names[name]).\(attribute.string)': only a namespace can be changed")
            }
            try set(attribute, of: namespace, value)
        case .tuple(let targets):
            let iterator = try iterate(value)
            for (place, target) in targets.enumerated() {
                guard let part = try iterator.next() else {
                    throw Problem("cannot take \(value.kind) apart: \(place) values for \(targets.count) names")
                }
                try assign(target, part)
            }
            guard try iterator.next() == nil else {
                throw Problem("cannot take \(value.kind) apart: more values than the \(targets.count) names")
            }
        }
    }

    func set(_ attribute: Text, of namespace: Namespace, _ value: Value) throws {
        guard attribute.bytes.first != UInt8(ascii: "_") else {
            throw Problem("a namespace may not have '\(attribute.string)': names that begin with '_' are closed")
        }
        try make(48)
        namespace.attributes.set(.string(attribute), try keepable(value))
    }

    // MARK: Statements

    func execute(_ statements: [Statement]) throws -> Flow {
        for statement in statements {
            try step()
            line = statement.line
            do {
                let flow = try execute(statement)
                guard flow == .normal else { return flow }
            } catch var problem as Problem {
                problem.line = problem.line ?? line
                throw problem
            }
        }
        return .normal
    }

    private func execute(_ statement: Statement) throws -> Flow {
        switch statement.kind {
        case .text(let text): try write(text)
        case .output(let expression): try write(printed(evaluate(expression)))
        case .conditional(let cases, let otherwise):
            try enter()
            defer { leave() }
            for (test, body) in cases where try evaluate(test).isTrue { return try execute(body) }
            return try execute(otherwise)
        case .loop(let loop): try run(loop, over: evaluate(loop.items), depth: 0)
        case .set(let target, let expression): try assign(target, evaluate(expression))
        case .setBlock(let target, let filter, let body): return try setBlock(target, filter, body)
        case .macro(let definition):
            if let number = definition.number { scope.set(number, .macro(Macro(definition, scope: scope))) }
        case .call(let callee, let arguments, let definition):
            let caller = Value.macro(Macro(definition, scope: scope))
            try write(printed(call(callee, arguments, caller: caller, line: statement.line)))
        case .filterBlock(let filter, let body):
            let (text, flow) = try capture { try inScope(Scope(scope)) { try execute(body) } }
            try write(printed(filtered(filter, text)))
            return flow
        case .with(let assignments, let body):
            // Values are those outside of the block.
            let values = try assignments.map { try evaluate($0.1) }
            return try inScope(Scope(scope)) {
                for ((target, _), value) in zip(assignments, values) { try assign(target, value) }
                return try execute(body)
            }
        case .evaluate(let expression): _ = try evaluate(expression)
        case .generation(let body):
            try enter()
            defer { leave() }
            let start = rootLength ?? output.count
            let (text, _) = try capture { try inScope(Scope(scope)) { try execute(body) } }
            generationSpans.append(start..<start + text.bytes.count)
            try write(text)
        case .leaveLoop: return .leaveLoop
        case .nextRound: return .nextRound
        }
        return .normal
    }

    private func setBlock(_ target: Target, _ filter: Expression?, _ body: [Statement]) throws -> Flow {
        let (text, flow) = try capture { try inScope(Scope(scope)) { try execute(body) } }
        try assign(target, filter.map { try filtered($0, text) } ?? .string(text))
        return flow
    }

    private func filtered(_ filter: Expression, _ text: Text) throws -> Value {
        let outer = captured
        captured = text
        defer { captured = outer }
        return try evaluate(filter)
    }

    // MARK: Loops

    /// - Parameter depth: 0, or how many times a recursive loop has called itself.
    func run(_ loop: Loop, over items: Value, depth: Int) throws {
        try enter()
        defer { leave() }
        var source = try iterate(items)
        let outer = scope
        if let test = loop.test {
            let all = source
            source = ValueIterator(nesting: all.nesting) { [unowned self] in
                while let item = try all.next() {
                    try self.step()
                    let isKept = try self.inScope(Scope(outer)) {
                        try self.assign(loop.target, item)
                        return try self.evaluate(test).isTrue
                    }
                    if isKept { return item }
                }
                return nil
            }
        }
        let state = LoopState(
            source, loop, depth: depth, outer, length: loop.test == nil ? try? count(of: items) : nil)
        let round = Scope(outer)
        let name = loopName
        // Jinja counts a round that was left or cut short as none.
        var isEmpty = true
        while let item = try state.advance() {
            try step()
            let flow = try inScope(round) {
                try assign(loop.target, item)
                if let name { round.set(name, .loop(state)) }
                return try execute(loop.body)
            }
            if flow == .leaveLoop { break }
            if flow == .normal { isEmpty = false }
        }
        if isEmpty { _ = try inScope(Scope(outer)) { try execute(loop.otherwise) } }
    }

    private lazy var loopName = names.firstIndex(of: "loop")
}
