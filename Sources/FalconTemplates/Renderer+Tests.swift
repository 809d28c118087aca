extension Renderer {
    /// Tests without arguments, which cannot fail; `nil` for others.
    func simpleTest(_ name: TestName, _ value: Value) -> Bool? {
        switch name {
        case .defined: !value.isUndefined
        case .undefined: value.isUndefined
        case .none: if case .none = value { true } else { false }
        case .boolean: if case .boolean = value { true } else { false }
        case .isTrue: if case .boolean(true) = value { true } else { false }
        case .isFalse: if case .boolean(false) = value { true } else { false }
        case .integer: if case .integer = value { true } else { false }
        case .float: if case .float = value { true } else { false }
        case .number: value.number != nil
        case .string: value.text != nil
        case .mapping: if case .dictionary = value { true } else { false }
        case .sequence:
            switch value {
            case .string, .list, .tuple, .dictionary, .range: true
            // Jinja asks for a length and for items, and an undefined value has both.
            case .undefined(let undefined): !undefined.isForbidden
            default: false
            }
        case .iterable:
            switch value {
            case .string, .list, .tuple, .dictionary, .range, .view, .iterator, .loop: true
            case .undefined(let undefined): !undefined.isForbidden
            default: false
            }
        case .callable:
            switch value {
            case .macro, .function, .method, .joiner, .loop: true
            // An undefined value has a `__call__`, which fails.
            case .undefined: true
            default: false
            }
        case .escaped: value.text?.isMarkup ?? false
        default: nil
        }
    }

    func test(_ name: TestName, _ value: Value, _ given: GivenArguments) throws -> Bool {
        func argument(_ name: String) throws -> Value {
            guard let value = try given.bound(to: [name], of: "is", required: 1)[0] else { return .none }
            return value
        }
        switch name {
        case .odd, .even, .divisibleby:
            let divisor = name == .divisibleby ? try argument("num") : .integer(2)
            let rest = try arithmetic(value, .modulo, divisor)
            return try same(rest, .integer(name == .odd ? 1 : 0))
        case .filter: return FilterName(named: try printed(value).string) != nil
        case .test: return TestName(named: try printed(value).string) != nil
        case .lower, .upper:
            let text = try printed(value)
            return text.holds(name == .lower ? "islower" : "isupper")
        case .sameas: return try isIdentical(value, argument("other"))
        case .isIn: return try contains(argument("seq"), value)
        case .equal: return try compare(value, .equal, argument("b"))
        case .notEqual: return try compare(value, .notEqual, argument("b"))
        case .greater: return try compare(value, .greater, argument("b"))
        case .greaterOrEqual: return try compare(value, .greaterOrEqual, argument("b"))
        case .less: return try compare(value, .less, argument("b"))
        case .lessOrEqual: return try compare(value, .lessOrEqual, argument("b"))
        default:
            guard given.isEmpty, let answer = simpleTest(name, value) else {
                throw Problem("the test '\(name.rawValue)' takes no argument")
            }
            return answer
        }
    }

    /// Python's `is`, as far as a value shows it: constants, small integers and equal strings.
    private func isIdentical(_ left: Value, _ right: Value) throws -> Bool {
        switch (left, right) {
        case (.none, .none): true
        case (.boolean(let left), .boolean(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        case (.dictionary(let left), .dictionary(let right)): left === right
        case (.namespace, .namespace), (.macro, .macro), (.loop, .loop): try same(left, right)
        default: false
        }
    }
}
