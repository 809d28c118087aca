/// `loop` in a loop's body. It looks one item ahead only where a template asks for the last or the next one.
final class LoopState {
    private var source: ValueIterator
    private var ahead: Value?
    private var hasLooked = false
    private var current: Value?
    private var previous: Value?
    private var length: Int?
    private var changing: [Value]?
    /// Rounds begun.
    private(set) var index = 0
    let loop: Loop
    /// 0, or how many times a recursive loop has called itself.
    let depth: Int
    let scope: Scope
    let nesting: Int

    init(_ source: ValueIterator, _ loop: Loop, depth: Int, _ scope: Scope, length: Int?) {
        self.source = source
        self.loop = loop
        self.depth = depth
        self.scope = scope
        self.length = length
        nesting = source.nesting + 1
    }

    func advance() throws -> Value? {
        let next = try peek()
        (ahead, hasLooked) = (nil, false)
        guard let next else { return nil }
        previous = current
        current = next
        index += 1
        return next
    }

    private func peek() throws -> Value? {
        if !hasLooked {
            ahead = try source.next()
            hasLooked = true
        }
        return ahead
    }

    private func wholeLength(_ renderer: Renderer) throws -> Int {
        if let length { return length }
        var rest: [Value] = []
        while let item = try source.next() {
            rest.append(item)
            try renderer.makeElements(rest.count)
        }
        let whole = index + (ahead == nil ? 0 : 1) + rest.count
        length = whole
        source = ValueIterator(rest)
        return whole
    }

    func attribute(_ name: String, _ renderer: Renderer) throws -> Value? {
        switch name {
        case "index": return .integer(index)
        case "index0": return .integer(index - 1)
        case "first": return .boolean(index == 1)
        case "last": return .boolean(try peek() == nil)
        case "length": return .integer(try wholeLength(renderer))
        case "revindex": return .integer(try wholeLength(renderer) - index + 1)
        case "revindex0": return .integer(try wholeLength(renderer) - index)
        case "previtem": return previous ?? .undefined(Undefined("the item before the first one"))
        case "nextitem": return try peek() ?? .undefined(Undefined("the item behind the last one"))
        case "depth": return .integer(depth + 1)
        case "depth0": return .integer(depth)
        case "cycle", "changed": return .method(Method(.loop(self), name))
        default: return nil
        }
    }

    /// Whether the values differ from those of the call before.
    func changed(_ values: [Value], _ renderer: Renderer) throws -> Bool {
        if let changing, try renderer.same(.list(of: changing), .list(of: values)) { return false }
        changing = values
        return true
    }
}
