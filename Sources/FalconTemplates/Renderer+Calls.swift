/// Arguments of a call, evaluated.
struct GivenArguments {
    var positional: [Value] = []
    var named: [(name: Text, value: Value)] = []

    var isEmpty: Bool { positional.isEmpty && named.isEmpty }

    var nesting: Int { max(positional.nesting, named.reduce(0) { max($0, $1.value.nesting) }) }

    /// Takes the arguments of a function with the given parameters.
    ///
    /// - Returns: one value a parameter, `nil` where none is given.
    func bound(to parameters: [String], of function: String, required: Int = 0) throws -> [Value?] {
        guard positional.count <= parameters.count else {
            throw Problem("'\(function)' takes at most \(parameters.count) arguments, not \(positional.count)")
        }
        var values: [Value?] = positional
        values += [Value?](repeating: nil, count: parameters.count - positional.count)
        for (name, value) in named {
            guard let place = parameters.firstIndex(of: name.string) else {
                throw Problem("'\(function)' takes no argument '\(name.string)'")
            }
            guard values[place] == nil else { throw Problem("'\(function)' is given '\(name.string)' twice") }
            values[place] = value
        }
        for place in 0..<required where values[place] == nil {
            throw Problem("'\(function)' needs the argument '\(parameters[place])'")
        }
        return values
    }
}

extension Renderer {
    func evaluate(_ arguments: Arguments) throws -> GivenArguments {
        guard !arguments.isEmpty else { return GivenArguments() }
        var given = GivenArguments(positional: try arguments.positional.map(evaluate))
        for (name, value) in arguments.named { given.named.append((name, try evaluate(value))) }
        if let list = arguments.list { given.positional += try elements(evaluate(list)) }
        if let dictionary = arguments.dictionary {
            guard case .dictionary(let members) = try evaluate(dictionary) else {
                throw Problem("'**' needs a dictionary")
            }
            for (key, value) in members.members {
                guard case .string(let name) = key else { throw Problem("'**' needs a dictionary with names for keys") }
                guard !given.named.contains(where: { $0.name == name }) else {
                    throw Problem("the argument '\(name.string)' is given twice")
                }
                given.named.append((name, value))
            }
        }
        return given
    }

    func call(_ callee: Expression, _ arguments: Arguments, caller: Value?, line: Int) throws -> Value {
        let function = try evaluate(callee)
        var given = try evaluate(arguments)
        if let caller { given.named.append((Text("caller"), caller)) }
        self.line = line
        return try call(function, given)
    }

    func call(_ function: Value, _ given: GivenArguments) throws -> Value {
        switch function {
        case .macro(let macro): return try call(macro, given)
        case .function(let name): return try call(name, given)
        case .method(let method): return try call(method, given)
        case .joiner(let joiner):
            guard joiner.isUsed else {
                joiner.isUsed = true
                return .string(.empty)
            }
            return .string(joiner.separator)
        case .loop(let state):
            guard state.loop.isRecursive else {
                throw Problem("'loop' is called in a loop that is not marked 'recursive'")
            }
            let items = try given.bound(to: ["iterable"], of: "loop", required: 1)[0] ?? .none
            let line = line
            defer { self.line = line }
            let (text, _) = try capture {
                try inKeptScope(state.scope) { try run(state.loop, over: items, depth: state.depth + 1) }
                return .normal
            }
            return .string(text)
        case .undefined(let undefined): throw use(undefined, "a call of")
        default: throw Problem("\(function.kind) cannot be called")
        }
    }

    private func call(_ macro: Macro, _ given: GivenArguments) throws -> Value {
        try enter()
        defer { leave() }
        let line = line
        defer { self.line = line }
        let definition = macro.definition
        let name = definition.name ?? "caller"
        var named = given.named
        let scope = Scope(macro.scope)
        var values: [Value?] = []
        var hasCaller = false
        for (place, parameter) in definition.parameters.enumerated() {
            if place < given.positional.count {
                values.append(given.positional[place])
            } else if let found = named.firstIndex(where: { $0.name == parameter.text }) {
                values.append(named.remove(at: found).value)
            } else {
                values.append(nil)
            }
            if parameter.text == Text("caller") { hasCaller = true }
        }
        if definition.takesCaller, !hasCaller {
            let found = named.firstIndex { $0.name == Text("caller") }
            let value = found.map { named.remove(at: $0).value } ?? .undefined(Undefined("'caller', as nobody called"))
            set("caller", value, in: scope)
        }
        if definition.takesNamed {
            let rest = ValueDictionary()
            for (name, value) in named { rest.set(.string(name), value) }
            set("kwargs", .dictionary(rest), in: scope)
        } else if let extra = named.first {
            throw Problem("the macro '\(name)' takes no argument '\(extra.name.string)'")
        }
        if definition.takesRest {
            set("varargs", .tuple(of: Array(given.positional.dropFirst(definition.parameters.count))), in: scope)
        } else if given.positional.count > definition.parameters.count {
            throw Problem("the macro '\(name)' takes at most \(definition.parameters.count) arguments")
        }
        return .string(
            try capture {
                try inScope(scope) {
                    for (parameter, value) in zip(definition.parameters, values) {
                        if let value {
                            scope.set(parameter.name, try keepable(value))
                        } else if let standard = parameter.standard {
                            scope.set(parameter.name, try evaluate(standard))
                        } else {
                            let words = "the parameter '\(parameter.text.string)', which was not provided"
                            scope.set(parameter.name, .undefined(Undefined(words)))
                        }
                    }
                    return try execute(definition.body)
                }
            }.text)
    }

    private func set(_ name: String, _ value: Value, in scope: Scope) {
        if let number = names.firstIndex(of: name) { scope.set(number, value) }
    }

    // MARK: Functions

    private func call(_ function: FunctionName, _ given: GivenArguments) throws -> Value {
        switch function {
        case .range: return .range(try range(given))
        case .dict: return .dictionary(try newDictionary(given))
        case .fromkeys:
            let values = try given.bound(to: ["iterable", "value"], of: "dict.fromkeys", required: 1)
            let dictionary = ValueDictionary()
            for key in try elements(values[0] ?? .none) { try set(key, values[1] ?? Value.none, in: dictionary) }
            return .dictionary(dictionary)
        case .namespace:
            let namespace = Namespace()
            note(namespace)
            for (key, value) in try newDictionary(given).members {
                guard case .string(let name) = key else { throw Problem("a namespace needs names") }
                try set(name, of: namespace, value)
            }
            return .namespace(namespace)
        case .cycler:
            guard !given.positional.isEmpty, given.named.isEmpty else { throw Problem("'cycler' needs values") }
            return .cycler(Cycler(given.positional))
        case .joiner:
            let separator = try given.bound(to: ["sep"], of: "joiner")[0] ?? .text(", ")
            guard case .string(let text) = separator else { throw Problem("'joiner' needs a string") }
            return .joiner(Joiner(text))
        case .raiseException:
            let value = try given.bound(to: ["message"], of: "raise_exception", required: 1)[0] ?? .none
            let message = try printed(value).string
            throw Problem("the template refuses this: \(message)", raised: message)
        case .strftimeNow:
            let value = try given.bound(to: ["format"], of: "strftime_now", required: 1)[0]
            guard case .string(let format)? = value else { throw Problem("'strftime_now' needs a string") }
            return .text(try clock.text(format.string))
        case .lipsum: throw Problem("'lipsum' is not supported: it writes random text")
        }
    }

    private func range(_ given: GivenArguments) throws -> PythonRange {
        guard given.named.isEmpty, (1...3).contains(given.positional.count) else {
            throw Problem("'range' takes one to three integers")
        }
        let bounds = try given.positional.map { value in
            guard let whole = value.wholeNumber else { throw Problem("'range' needs integers, not \(value.kind)") }
            return whole
        }
        let step = bounds.count == 3 ? bounds[2] : 1
        guard step != 0 else { throw Problem("'range' with the step 0") }
        let range = PythonRange(
            from: bounds.count == 1 ? 0 : bounds[0], to: bounds.count == 1 ? bounds[0] : bounds[1], step: step)
        // Jinja's sandbox has the same bound.
        guard range.count <= 100_000 else { throw Problem("a range of more than 100000 numbers") }
        return range
    }

    private func newDictionary(_ given: GivenArguments) throws -> ValueDictionary {
        let dictionary = ValueDictionary()
        guard given.positional.count <= 1 else { throw Problem("'dict' takes one value and names") }
        switch given.positional.first {
        case .dictionary(let other)?: for (key, value) in other.members { dictionary.set(key, value) }
        case let pairs?:
            for pair in try elements(pairs) {
                let parts = try elements(pair)
                guard parts.count == 2 else { throw Problem("'dict' needs pairs") }
                try set(parts[0], parts[1], in: dictionary)
            }
        case nil: break
        }
        for (name, value) in given.named { dictionary.set(.string(name), value) }
        return dictionary
    }
}

extension Macro {
    func attribute(_ name: String) -> Value? {
        switch name {
        case "name": definition.name.map(Value.text) ?? Value.none
        case "arguments": .tuple(of: definition.parameters.map { .string($0.text) })
        case "catch_kwargs": .boolean(definition.takesNamed)
        case "catch_varargs": .boolean(definition.takesRest)
        case "caller": .boolean(definition.takesCaller)
        default: nil
        }
    }
}
