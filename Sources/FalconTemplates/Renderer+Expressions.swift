extension Renderer {
    func evaluate(_ expression: Expression) throws -> Value {
        try step()
        switch expression {
        case .literal(let literal): return Renderer.value(literal)
        case .name(let name): return value(of: name)
        case .captured: return .string(captured)
        default: break
        }
        try enter()
        defer { leave() }
        return try evaluateDeeper(expression)
    }

    private static func value(_ literal: Literal) -> Value {
        switch literal {
        case .none: .none
        case .boolean(let value): .boolean(value)
        case .integer(let value): .integer(value)
        case .float(let value): .float(value)
        case .string(let text): .string(text)
        }
    }

    private func evaluateDeeper(_ expression: Expression) throws -> Value {
        switch expression {
        case .literal, .name, .captured: return .none
        case .refused(let words, let line): throw Problem(words, line: line)
        case .list(let parts): return .list(of: try parts.map(evaluate))
        case .tuple(let parts): return .tuple(of: try parts.map(evaluate))
        case .dictionary(let members): return try dictionary(members)
        case .attribute(let base, let name): return try attribute(name, of: evaluate(base))
        case .item(let base, let place): return try item(evaluate(place), of: evaluate(base))
        case .slice(let base, let start, let stop, let step):
            return try sliced(
                evaluate(base), start.map(evaluate), stop.map(evaluate), step.map(evaluate))
        case .call(let callee, let arguments, let line): return try call(callee, arguments, caller: nil, line: line)
        case .filter(let base, let name, let arguments, let line):
            let value = try evaluate(base)
            let given = try evaluate(arguments)
            self.line = line
            return try apply(name, to: value, given)
        case .test(let base, let name, let arguments, let line):
            let value = try evaluate(base)
            if arguments.isEmpty, let answer = simpleTest(name, value) { return .boolean(answer) }
            let given = try evaluate(arguments)
            self.line = line
            return .boolean(try test(name, value, given))
        case .negative(let base): return try negated(evaluate(base))
        case .positive(let base): return try positive(evaluate(base))
        case .not(let base): return .boolean(try !evaluate(base).isTrue)
        case .arithmetic(let left, let kind, let right):
            return try arithmetic(evaluate(left), kind, evaluate(right))
        case .comparison(let first, let rest): return try comparison(first, rest)
        case .and(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? try evaluate(right) : value
        case .or(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? value : try evaluate(right)
        case .concatenation(let parts):
            var bytes: [UInt8] = []
            for part in parts {
                let text = try printed(evaluate(part))
                try make(bytes.count + text.bytes.count)
                bytes += text.bytes
            }
            return .string(Text(bytes))
        case .conditional(let value, let test, let otherwise):
            if try evaluate(test).isTrue { return try evaluate(value) }
            if let otherwise { return try evaluate(otherwise) }
            return .undefined(Undefined("the value of an 'if' without 'else'"))
        }
    }

    private func dictionary(_ members: [(key: Expression, value: Expression)]) throws -> Value {
        let dictionary = ValueDictionary()
        for (key, value) in members { try set(evaluate(key), evaluate(value), in: dictionary) }
        return .dictionary(dictionary)
    }

    /// Sets a member, having checked that the key can be one.
    func set(_ key: Value, _ value: Value, in dictionary: ValueDictionary) throws {
        guard DictionaryKey(key) != nil else { throw Problem("\(key.kind) cannot be a key of a dictionary") }
        dictionary.set(key, value)
    }

    private func comparison(_ first: Expression, _ rest: [(ComparisonOperator, Expression)]) throws -> Value {
        var left = try evaluate(first)
        for (kind, expression) in rest {
            let right = try evaluate(expression)
            guard try compare(left, kind, right) else { return .boolean(false) }
            left = right
        }
        return .boolean(true)
    }

    // MARK: Members

    /// `value.name`: a method first, a member next.
    func attribute(_ name: Text, of value: Value) throws -> Value {
        switch value {
        case .undefined(let undefined): throw use(undefined, "'.\(name.string)' of")
        case .namespace(let namespace):
            if let member = namespace.attributes[name] { return member }
        case .loop(let state):
            if let member = try state.attribute(name.string, self) { return member }
        case .macro(let macro):
            if let member = macro.attribute(name.string) { return member }
        default:
            let attribute = name.string
            if let method = Method.named(attribute, of: value) { return method }
            if case .dictionary(let dictionary) = value, let member = dictionary[name] { return member }
        }
        return missing(name, of: value)
    }

    /// `value['name']` and `value[place]`: a member first, a method next.
    func item(_ place: Value, of value: Value) throws -> Value {
        switch (value, place) {
        case (.undefined(let undefined), _): throw use(undefined, "a member of")
        case (.dictionary(let dictionary), .string(let name)):
            if let member = dictionary[name] { return member }
        case (.dictionary(let dictionary), _):
            if let key = DictionaryKey(place), let member = dictionary[key] { return member }
        case (_, .integer), (_, .boolean):
            let index = place.wholeNumber ?? 0
            if let member = try element(index, of: value) { return member }
        default: break
        }
        guard case .string(let name) = place else {
            return .undefined(Undefined("the member \(Value.shortRepresentation(place)) of \(value.kind)"))
        }
        switch value {
        case .dictionary:
            if let method = Method.named(name.string, of: value) { return method }
            return missing(name, of: value)
        default: return try attribute(name, of: value)
        }
    }

    private func missing(_ name: Text, of value: Value) -> Value {
        .undefined(
            Undefined(
                "'\(name.string)', which \(value.kind) does not have",
                isForbidden: Method.isForbidden(name.string, of: value)))
    }

    /// An element counted from 0, or from the end where negative; `nil` beyond both ends.
    private func element(_ index: Int, of value: Value) throws -> Value? {
        guard let count = try? count(of: value) else { return nil }
        let place = index < 0 ? index + count : index
        guard place >= 0, place < count else { return nil }
        switch value {
        case .list(let values), .tuple(let values): return values[place]
        case .string(let text): return .string(text.cut(place..<place + 1).marked(text.isMarkup))
        case .range(let range): return .integer(range[place])
        default: return nil
        }
    }

    func use(_ undefined: Undefined, _ words: String) -> Problem {
        undefined.isForbidden
            ? Problem("\(undefined.words): the sandbox does not give it")
            : Problem("\(words) \(undefined.words)")
    }

    private func sliced(_ value: Value, _ start: Value?, _ stop: Value?, _ step: Value?) throws -> Value {
        func bound(_ value: Value?) throws -> Int? {
            switch value {
            case nil, Value.none?: return nil
            case let value?:
                guard let whole = value.wholeNumber else {
                    throw Problem("a slice needs integers, not \(value.kind)")
                }
                return whole
            }
        }
        if case .undefined(let undefined) = value { throw use(undefined, "a slice of") }
        let step = try bound(step) ?? 1
        guard step != 0 else { throw Problem("a slice with the step 0") }
        let places: PythonRange
        switch value {
        case .list, .tuple, .string, .range:
            places = PythonRange.slice(try bound(start), try bound(stop), step, count: try count(of: value))
        default: throw Problem("a slice of \(value.kind)")
        }
        try self.step(places.count)
        switch value {
        case .list(let values):
            try makeElements(places.count)
            return .list(of: (0..<places.count).map { values[places[$0]] })
        case .tuple(let values):
            try makeElements(places.count)
            return .tuple(of: (0..<places.count).map { values[places[$0]] })
        case .string(let text):
            try make(text.bytes.count)
            if step == 1 { return .string(text.cut(places.start..<places.start + places.count).marked(text.isMarkup)) }
            let scalars = Array(text.scalars)
            return .string(Text((0..<places.count).map { scalars[places[$0]] }).marked(text.isMarkup))
        case .range(let range):
            let stop = range.start &+ places.stop &* range.step
            return .range(
                PythonRange(start: range[places.start], step: range.step &* step, stop: stop, count: places.count))
        default: return .none
        }
    }
}

extension PythonRange {
    /// The places that a slice of `count` elements takes, as Python counts them.
    static func slice(_ start: Int?, _ stop: Int?, _ step: Int, count: Int) -> PythonRange {
        let (low, high) = step > 0 ? (0, count) : (-1, count - 1)
        func clamped(_ place: Int) -> Int {
            place < 0 ? max(place > -count - 1 ? place + count : low, low) : min(place, high)
        }
        let first = start.map(clamped) ?? (step > 0 ? low : high)
        let last = stop.map(clamped) ?? (step > 0 ? high : low)
        return PythonRange(from: first, to: last, step: step)
    }

    /// From one number up to another that is not in.
    init(from start: Int, to stop: Int, step: Int) {
        self.start = start
        self.step = step
        self.stop = stop
        let distance = step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
        let size = step == .min ? Int.max : abs(step)
        guard distance.overflow || distance.partialValue > 0 else {
            count = 0
            return
        }
        count = distance.overflow ? .max : (distance.partialValue - 1) / size + 1
    }
}
