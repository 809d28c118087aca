import Foundation

extension Int {
    /// Widths, counts and places beyond any text mean the same as far beyond it; so no sum of them overflows.
    var bounded: Int { Swift.min(Swift.max(self, -1 << 40), 1 << 40) }
}

extension Value {
    /// What Python counts as an integer: truth values too.
    var wholeNumber: Int? {
        switch self {
        case .integer(let value): value
        case .boolean(let value): value ? 1 : 0
        default: nil
        }
    }

    var number: Double? {
        if case .float(let value) = self { value } else { wholeNumber.map(Double.init) }
    }

    /// Python's `==`: numbers by value whatever their kind, lists and dictionaries by what is in them.
    ///
    /// - Parameter budget: what may still be looked at; below 0 the answer counts for nothing.
    static func same(_ left: Value, _ right: Value, budget: inout Int) -> Bool {
        budget -= 1
        guard budget >= 0 else { return false }
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let left), .string(let right)):
            budget -= left.bytes.count / 64
            return left == right
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            guard left.count == right.count else { return false }
            for (left, right) in zip(left, right) {
                guard same(left, right, budget: &budget) else { return false }
            }
            return true
        case (.dictionary(let left), .dictionary(let right)): return left.isSame(right, budget: &budget)
        case (.range(let left), .range(let right)):
            return left.count == right.count
                && (left.count == 0 || (left.start == right.start && (left.count == 1 || left.step == right.step)))
        case (.namespace(let left), .namespace(let right)): return left === right
        case (.macro(let left), .macro(let right)): return left === right
        case (.iterator(let left), .iterator(let right)): return left === right
        case (.loop(let left), .loop(let right)): return left === right
        case (.cycler(let left), .cycler(let right)): return left === right
        case (.joiner(let left), .joiner(let right)): return left === right
        case (.function(let left), .function(let right)): return left == right
        default: return sameNumber(left, right)
        }
    }

    private static func sameNumber(_ left: Value, _ right: Value) -> Bool {
        if let left = left.wholeNumber, let right = right.wholeNumber { return left == right }
        guard let first = left.number, let second = right.number, first == second else { return false }
        // An integer that a Double only rounds to is another number.
        if let whole = left.wholeNumber { return Int(exactly: second) == whole }
        if let whole = right.wholeNumber { return Int(exactly: first) == whole }
        return true
    }
}

extension ValueDictionary {
    func isSame(_ other: ValueDictionary, budget: inout Int) -> Bool {
        guard self !== other else { return true }
        guard count == other.count else { return false }
        for (key, value) in members {
            guard let key = DictionaryKey(key), let found = other[key], Value.same(value, found, budget: &budget) else {
                return false
            }
        }
        return true
    }
}

extension Renderer {
    // MARK: Comparison

    func same(_ left: Value, _ right: Value) throws -> Bool {
        let before = stepsLeft
        var budget = before
        let isSame = Value.same(left, right, budget: &budget)
        try step(before - budget)
        return isSame
    }

    func compare(_ left: Value, _ kind: ComparisonOperator, _ right: Value) throws -> Bool {
        switch kind {
        case .equal: return try same(left, right)
        case .notEqual: return try !same(left, right)
        case .contained: return try contains(right, left)
        case .notContained: return try !contains(right, left)
        case .less: return try order(left, right, "<") { $0 < 0 }
        case .lessOrEqual: return try order(left, right, "<=") { $0 <= 0 }
        case .greater: return try order(left, right, ">") { $0 > 0 }
        case .greaterOrEqual: return try order(left, right, ">=") { $0 >= 0 }
        }
    }

    private func order(_ left: Value, _ right: Value, _ sign: String, _ holds: (Int) -> Bool) throws -> Bool {
        // Nothing is before, behind or equal to what is no number.
        if left.number?.isNaN == true || right.number?.isNaN == true { return false }
        guard let order = try order(left, right) else {
            if case .undefined(let undefined) = left { throw use(undefined, "'\(sign)' with") }
            if case .undefined(let undefined) = right { throw use(undefined, "'\(sign)' with") }
            throw Problem("'\(sign)' between \(left.kind) and \(right.kind)")
        }
        return holds(order)
    }

    /// Negative, 0 or positive; `nil` where Python has no order.
    func order(_ left: Value, _ right: Value) throws -> Int? {
        try step()
        switch (left, right) {
        case (.string(let left), .string(let right)):
            // The order of UTF-8's bytes is that of the scalars.
            if left == right { return 0 }
            return left.bytes.lexicographicallyPrecedes(right.bytes) ? -1 : 1
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (left, right) in zip(left, right) where try !same(left, right) {
                try enter()
                defer { leave() }
                return try order(left, right)
            }
            return left.count - right.count
        default:
            if let left = left.wholeNumber, let right = right.wholeNumber {
                return left < right ? -1 : left > right ? 1 : 0
            }
            guard let left = left.number, let right = right.number else { return nil }
            return left < right ? -1 : left > right ? 1 : 0
        }
    }

    func contains(_ container: Value, _ value: Value) throws -> Bool {
        switch container {
        case .string(let text):
            guard case .string(let part) = value else {
                if case .undefined(let undefined) = value { throw use(undefined, "'in' with") }
                throw Problem("'in' of a string needs a string, not \(value.kind)")
            }
            try step(text.bytes.count / 8)
            return text.find(part) != nil
        case .dictionary(let dictionary):
            if value.isUndefined { return false }
            guard let key = DictionaryKey(value) else { throw Problem("\(value.kind) cannot be a key of a dictionary") }
            return dictionary[key] != nil
        case .list(let values), .tuple(let values):
            try step(values.count)
            return try values.contains { try same($0, value) }
        case .undefined: return false
        case .range, .view, .iterator:
            let iterator = try iterate(container)
            while let item = try iterator.next() {
                try step()
                if try same(item, value) { return true }
            }
            return false
        default: throw Problem("'in' needs a string, list or dictionary, not \(container.kind)")
        }
    }

    // MARK: Arithmetic

    func negated(_ value: Value) throws -> Value {
        switch value {
        case .float(let value): return .float(-value)
        case .undefined(let undefined): throw use(undefined, "'-' of")
        default:
            guard let whole = value.wholeNumber else { throw Problem("'-' of \(value.kind)") }
            return .integer(try checked(0.subtractingReportingOverflow(whole)))
        }
    }

    func positive(_ value: Value) throws -> Value {
        if case .float = value { return value }
        guard let whole = value.wholeNumber else { throw Problem("'+' of \(value.kind)") }
        return .integer(whole)
    }

    private func checked(_ result: (partialValue: Int, overflow: Bool)) throws -> Int {
        guard !result.overflow else { throw Problem("an integer beyond 64 bits") }
        return result.partialValue
    }

    func arithmetic(_ left: Value, _ kind: ArithmeticOperator, _ right: Value) throws -> Value {
        switch (left, kind, right) {
        case (.string(let left), .add, .string(let right)):
            try make(left.bytes.count + right.bytes.count)
            if left.isMarkup || right.isMarkup {
                return .string(Text(left.escaped.bytes + right.escaped.bytes, isMarkup: true))
            }
            return .string(left + right)
        case (.list(let left), .add, .list(let right)):
            try makeElements(left.count + right.count)
            return .list(left + right)
        case (.tuple(let left), .add, .tuple(let right)):
            try makeElements(left.count + right.count)
            return .tuple(left + right)
        case (.string(let format), .modulo, _): return .string(try percentFormatted(format, right))
        case (_, .multiply, _):
            if let repeated = try repeated(left, right) ?? repeated(right, left) { return repeated }
        default: break
        }
        for value in [left, right] {
            if case .undefined(let undefined) = value { throw use(undefined, "'\(kind.rawValue)' with") }
        }
        if let left = left.wholeNumber, let right = right.wholeNumber { return try whole(left, kind, right) }
        guard let first = left.number, let second = right.number else {
            throw Problem("'\(kind.rawValue)' between \(left.kind) and \(right.kind)")
        }
        return .float(try real(first, kind, second))
    }

    private func repeated(_ value: Value, _ count: Value) throws -> Value? {
        guard let count = count.wholeNumber.map({ max($0, 0) }) else { return nil }
        switch value {
        case .string(let text):
            try make(checked(text.bytes.count.multipliedReportingOverflow(by: count)))
            return .string(text.repeated(text.isEmpty ? 0 : count))
        case .list(let values):
            try makeElements(checked(values.count.multipliedReportingOverflow(by: count)))
            return .list(of: [ValueList](repeating: values, count: values.isEmpty ? 0 : count).flatMap { $0 })
        case .tuple(let values):
            try makeElements(checked(values.count.multipliedReportingOverflow(by: count)))
            return .tuple(of: [ValueList](repeating: values, count: values.isEmpty ? 0 : count).flatMap { $0 })
        default: return nil
        }
    }

    private func whole(_ left: Int, _ kind: ArithmeticOperator, _ right: Int) throws -> Value {
        switch kind {
        case .add: return .integer(try checked(left.addingReportingOverflow(right)))
        case .subtract: return .integer(try checked(left.subtractingReportingOverflow(right)))
        case .multiply: return .integer(try checked(left.multipliedReportingOverflow(by: right)))
        case .divide:
            guard right != 0 else { throw Problem("division by zero") }
            return .float(Double(left) / Double(right))
        case .floorDivide, .modulo:
            guard right != 0 else { throw Problem("division by zero") }
            let quotient = try checked(left.dividedReportingOverflow(by: right))
            let rest = left % right
            let isBelow = rest != 0 && (rest < 0) != (right < 0)
            if kind == .modulo { return .integer(isBelow ? rest + right : rest) }
            return .integer(isBelow ? quotient - 1 : quotient)
        case .power:
            guard right >= 0 else {
                guard left != 0 else { throw Problem("division by zero: 0 to a negative power") }
                return .float(pow(Double(left), Double(right)))
            }
            var (result, base, exponent) = (1, left, right)
            while exponent > 0 {
                if exponent & 1 == 1 { result = try checked(result.multipliedReportingOverflow(by: base)) }
                exponent >>= 1
                if exponent > 0 { base = try checked(base.multipliedReportingOverflow(by: base)) }
            }
            return .integer(result)
        }
    }

    private func real(_ left: Double, _ kind: ArithmeticOperator, _ right: Double) throws -> Double {
        switch kind {
        case .add: return left + right
        case .subtract: return left - right
        case .multiply: return left * right
        case .divide:
            guard right != 0 else { throw Problem("division by zero") }
            return left / right
        case .floorDivide, .modulo:
            guard right != 0 else { throw Problem("division by zero") }
            var rest = fmod(left, right)
            if rest != 0, (rest < 0) != (right < 0) { rest += right }
            if kind == .modulo { return rest == 0 ? Double(signOf: right, magnitudeOf: 0) : rest }
            let quotient = (left - rest) / right
            let floored = quotient.rounded(.down)
            return quotient - floored > 0.5 ? floored + 1 : floored
        case .power:
            guard left != 0 || right >= 0 else { throw Problem("division by zero: 0 to a negative power") }
            let result = pow(left, right)
            guard !result.isNaN || left.isNaN || right.isNaN else { throw Problem("a power that is no real number") }
            guard !result.isInfinite || left.isInfinite || right.isInfinite else { throw Problem("a power too large") }
            return result
        }
    }
}
