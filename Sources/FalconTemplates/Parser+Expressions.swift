extension Parser {
    /// An expression, or several with commas between them, which make a tuple.
    mutating func tuple(
        allowsConditional: Bool = true, end: String? = nil, isBracketed: Bool = false
    ) throws(Problem) -> Expression {
        var values: [Expression] = []
        var isTuple = false
        while true {
            if !values.isEmpty { try expect(sign: ",") }
            if isTupleEnd(end) { break }
            values.append(try expression(allowsConditional: allowsConditional))
            guard current.isSign(",") else { break }
            isTuple = true
        }
        if !isTuple, let only = values.first { return only }
        guard isTuple || isBracketed else { throw unexpected("an expression") }
        return .tuple(values)
    }

    private func isTupleEnd(_ end: String?) -> Bool {
        switch current.kind {
        case .outputEnd, .tagEnd, .sign(")"): true
        case .name(let name): name == end
        default: false
        }
    }

    mutating func expression(allowsConditional: Bool = true) throws(Problem) -> Expression {
        try enter()
        defer { leave() }
        var value = try or()
        guard allowsConditional else { return value }
        var count = 0
        while skip(name: "if") {
            let test = try or()
            let outer = isConditional
            isConditional = true
            let otherwise = skip(name: "else") ? try expression() : nil
            isConditional = outer
            value = .conditional(value, test: test, otherwise: otherwise)
            count += 1
            try checkChain(count)
        }
        return value
    }

    private mutating func or() throws(Problem) -> Expression {
        var left = try and()
        var count = 0
        while skip(name: "or") {
            left = .or(left, try and())
            count += 1
            try checkChain(count)
        }
        return left
    }

    private mutating func and() throws(Problem) -> Expression {
        var left = try not()
        var count = 0
        while skip(name: "and") {
            left = .and(left, try not())
            count += 1
            try checkChain(count)
        }
        return left
    }

    private mutating func not() throws(Problem) -> Expression {
        guard current.isName("not") else { return try comparison() }
        next()
        try enter()
        defer { leave() }
        return .not(try not())
    }

    private mutating func comparison() throws(Problem) -> Expression {
        let first = try sum()
        var rest: [(ComparisonOperator, Expression)] = []
        while let (sign, length) = comparisonOperator {
            for _ in 0..<length { next() }
            rest.append((sign, try sum()))
        }
        return rest.isEmpty ? first : .comparison(first, rest)
    }

    private var comparisonOperator: (ComparisonOperator, length: Int)? {
        switch current.kind {
        case .sign("=="): (.equal, 1)
        case .sign("!="): (.notEqual, 1)
        case .sign("<"): (.less, 1)
        case .sign("<="): (.lessOrEqual, 1)
        case .sign(">"): (.greater, 1)
        case .sign(">="): (.greaterOrEqual, 1)
        case .name("in"): (.contained, 1)
        case .name("not") where look().isName("in"): (.notContained, 2)
        default: nil
        }
    }

    private mutating func sum() throws(Problem) -> Expression {
        var left = try concatenation()
        var count = 0
        while case .sign(let sign) = current.kind, sign == "+" || sign == "-",
            let kind = ArithmeticOperator(rawValue: sign)
        {
            next()
            left = .arithmetic(left, kind, try concatenation())
            count += 1
            try checkChain(count)
        }
        return left
    }

    private mutating func concatenation() throws(Problem) -> Expression {
        var parts = [try product()]
        while skip(sign: "~") { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : .concatenation(parts)
    }

    private mutating func product() throws(Problem) -> Expression {
        var left = try power()
        var count = 0
        while case .sign(let sign) = current.kind, ["*", "/", "//", "%"].contains(sign),
            let kind = ArithmeticOperator(rawValue: sign)
        {
            next()
            left = .arithmetic(left, kind, try power())
            count += 1
            try checkChain(count)
        }
        return left
    }

    private mutating func power() throws(Problem) -> Expression {
        var left = try unary()
        var count = 0
        while skip(sign: "**") {
            left = .arithmetic(left, .power, try unary())
            count += 1
            try checkChain(count)
        }
        return left
    }

    private mutating func unary(allowsFilter: Bool = true) throws(Problem) -> Expression {
        try enter()
        defer { leave() }
        var value: Expression
        if skip(sign: "-") {
            value = .negative(try unary(allowsFilter: false))
        } else if skip(sign: "+") {
            value = .positive(try unary(allowsFilter: false))
        } else {
            value = try primary()
        }
        value = try postfix(value)
        return allowsFilter ? try filters(value) : value
    }

    private mutating func primary() throws(Problem) -> Expression {
        let token = current
        switch token.kind {
        case .name(let name):
            next()
            switch name {
            case "true", "True": return .literal(.boolean(true))
            case "false", "False": return .literal(.boolean(false))
            case "none", "None": return .literal(.none)
            default: return read(name)
            }
        case .string(let first):
            next()
            note(first)
            guard case .string = current.kind else { return .literal(.string(first)) }
            var bytes = first.bytes
            while case .string(let more) = current.kind {
                bytes += more.bytes
                next()
            }
            return .literal(.string(Text(bytes)))
        case .integer(let value):
            next()
            return .literal(.integer(value))
        case .float(let value):
            next()
            return .literal(.float(value))
        case .sign("("):
            next()
            let value = try tuple(isBracketed: true)
            try expect(sign: ")")
            return value
        case .sign("["): return .list(try list(closing: "]"))
        case .sign("{"): return try dictionary()
        default: throw unexpected("an expression")
        }
    }

    private mutating func list(closing: String) throws(Problem) -> [Expression] {
        next()
        var values: [Expression] = []
        while !current.isSign(closing) {
            if !values.isEmpty { try expect(sign: ",") }
            if current.isSign(closing) { break }
            values.append(try expression())
        }
        try expect(sign: closing)
        return values
    }

    private mutating func dictionary() throws(Problem) -> Expression {
        next()
        var members: [(key: Expression, value: Expression)] = []
        while !current.isSign("}") {
            if !members.isEmpty { try expect(sign: ",") }
            if current.isSign("}") { break }
            let key = try expression()
            try expect(sign: ":")
            members.append((key, try expression()))
        }
        try expect(sign: "}")
        return .dictionary(members)
    }

    // MARK: What follows a value

    private mutating func postfix(_ value: Expression) throws(Problem) -> Expression {
        var value = value
        var count = 0
        while case .sign(let sign) = current.kind, sign == "." || sign == "[" || sign == "(" {
            value = sign == "(" ? .call(value, try arguments(), line: line) : try subscripted(value)
            count += 1
            try checkChain(count)
        }
        return value
    }

    private mutating func subscripted(_ value: Expression) throws(Problem) -> Expression {
        if next().isSign(".") {
            if case .integer(let place) = current.kind {
                next()
                return .item(value, .literal(.integer(place)))
            }
            return .attribute(value, Text(try expectName()))
        }
        var places: [Expression] = []
        while !current.isSign("]") {
            if !places.isEmpty { try expect(sign: ",") }
            var bounds: [Expression?] = [nil]
            if !current.isSign(":") { bounds[0] = try expression() }
            while bounds.count < 3, skip(sign: ":") {
                let isOpen = current.isSign(":") || current.isSign("]") || current.isSign(",")
                bounds.append(isOpen ? nil : try expression())
            }
            if bounds.count == 1, let place = bounds[0] {
                places.append(place)
            } else {
                guard places.isEmpty, current.isSign("]") else { throw unexpected("']'") }
                next()
                return .slice(value, start: bounds[0], stop: bounds[1], step: bounds.count > 2 ? bounds[2] : nil)
            }
        }
        try expect(sign: "]")
        guard let place = places.first else { throw Problem("'[]' without an index", line: line) }
        return .item(value, places.count == 1 ? place : .tuple(places))
    }

    mutating func arguments() throws(Problem) -> Arguments {
        let start = line
        try expect(sign: "(")
        var arguments = Arguments()
        var isFirst = true
        while !current.isSign(")") {
            if !isFirst { try expect(sign: ",") }
            if current.isSign(")") { break }
            isFirst = false
            let isAlone = arguments.list == nil && arguments.dictionary == nil
            if skip(sign: "*") {
                guard isAlone else { throw Problem("an argument behind '*' or '**'", line: start) }
                arguments.list = try expression()
            } else if skip(sign: "**") {
                guard arguments.dictionary == nil else { throw Problem("two '**' in a call", line: start) }
                arguments.dictionary = try expression()
            } else if case .name(let name) = current.kind, look().isSign("=") {
                guard arguments.dictionary == nil else { throw Problem("an argument behind '**'", line: start) }
                next()
                next()
                guard !arguments.named.contains(where: { $0.name.string == name }) else {
                    throw Problem("the argument '\(name)' is given twice", line: start)
                }
                arguments.named.append((Text(name), try expression()))
            } else {
                guard isAlone, arguments.named.isEmpty else {
                    throw Problem("an argument without a name behind one with a name", line: start)
                }
                arguments.positional.append(try expression())
            }
        }
        try expect(sign: ")")
        return arguments
    }

    /// Filters, tests and calls behind a value.
    ///
    /// - Parameter startsInside: whether the first filter comes without its `|` (the tag `filter`).
    mutating func filters(_ value: Expression, startsInside: Bool = false) throws(Problem) -> Expression {
        var value = value
        var startsInside = startsInside
        var count = 0
        while true {
            if startsInside || current.isSign("|") {
                if !startsInside { next() }
                value = try filter(value)
            } else if current.isName("is") {
                if case .captured = value { return value }
                value = try test(value)
            } else if current.isSign("(") {
                value = .call(value, try arguments(), line: line)
            } else {
                return value
            }
            startsInside = false
            count += 1
            try checkChain(count)
        }
    }

    private mutating func dottedName() throws(Problem) -> String {
        var name = try expectName()
        while skip(sign: ".") { name += "." + (try expectName()) }
        return name
    }

    private mutating func filter(_ value: Expression) throws(Problem) -> Expression {
        let line = line
        let name = try dottedName()
        let arguments = current.isSign("(") ? try arguments() : Arguments()
        guard let filter = FilterName(named: name) else {
            let isKnown = FilterName.unsupported.contains(name)
            let words = isKnown ? "the filter '\(name)' is not supported" : "unknown filter '\(name)'"
            guard isConditional else { throw Problem(words, line: line) }
            return .refused(words, line: line)
        }
        return .filter(value, filter, arguments, line: line)
    }

    private mutating func test(_ value: Expression) throws(Problem) -> Expression {
        let line = line
        next()
        let isNegated = skip(name: "not")
        let name = try dottedName()
        var given = Arguments()
        switch current.kind {
        case .sign("("): given = try arguments()
        case .name("else"), .name("or"), .name("and"): break
        case .name("is"): throw Problem("two tests with 'is' in a row", line: line)
        case .name, .string, .integer, .float, .sign("["), .sign("{"):
            given.positional = [try postfix(primary())]
        default: break
        }
        guard let test = TestName(named: name) else {
            guard isConditional else { throw Problem("unknown test '\(name)'", line: line) }
            return .refused("unknown test '\(name)'", line: line)
        }
        let result = Expression.test(value, test, given, line: line)
        return isNegated ? .not(result) : result
    }
}
