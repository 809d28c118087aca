/// Reads regular expressions in the notation of Oniguruma (as for Ruby), which Hugging Face tokenizers uses: what
/// tokenizers are written with. The rest is refused by name.
struct ExpressionParser {
    /// What is wrong with an expression, or not supported in it.
    struct Failure: Error { let problem: String }

    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var ignoresCase = false
    private var depth = 0

    static func parse(_ expression: String) throws(Failure) -> ExpressionNode {
        guard expression.utf8.count <= 20_000 else { throw Failure(problem: "is longer than 20000 bytes") }
        var parser = ExpressionParser(scalars: Array(expression.unicodeScalars))
        let node = try parser.choice()
        guard parser.position == parser.scalars.count else { throw Failure(problem: "has a ')' without '('") }
        return node
    }

    private init(scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard scalars[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    private mutating func choice() throws(Failure) -> ExpressionNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 50 else { throw Failure(problem: "is nested deeper than 50") }
        let outer = ignoresCase
        defer { ignoresCase = outer }
        var branches = [try sequence(isFirst: true)]
        while take("|") { branches.append(try sequence(isFirst: false)) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence(isFirst: Bool) throws(Failure) -> ExpressionNode {
        var parts: [ExpressionNode] = []
        var lastLetter: Unicode.Scalar?
        while let scalar = next, scalar != "|", scalar != ")" {
            if ignoresCase {
                let letter = Unicode.Scalar(scalar.value | 0x20)
                if let lastLetter, let letter, ["ss", "ff", "fi", "fl", "st"].contains("\(lastLetter)\(letter)") {
                    throw Failure(problem: "ignores case in '\(lastLetter)\(letter)', which is not supported")
                }
                lastLetter = letter
            }
            if take("(?i)") {
                // Elsewhere it would put all that follows in a group.
                guard parts.isEmpty, isFirst else {
                    throw Failure(problem: "has '(?i)' inside, which is not supported")
                }
                ignoresCase = true
                continue
            }
            parts.append(try repetitions(of: try atom()))
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func repetitions(of atom: ExpressionNode) throws(Failure) -> ExpressionNode {
        var node = atom
        while let (least, most, isInterval) = try quantifier() {
            var kind = ExpressionNode.Repetition.greedy
            if take("?") {
                guard !isInterval || most != least else { throw Failure(problem: "has {n}?, which is not supported") }
                kind = .lazy
            } else if !isInterval, take("+") {
                kind = .possessive
            }
            guard !node.canBeEmpty || most != nil else { throw Failure(problem: "repeats what can be empty") }
            if case .place = node { throw Failure(problem: "repeats a place") }
            node = .repeated(node, least: least, most: most, kind)
        }
        return node
    }

    private mutating func quantifier() throws(Failure) -> (least: Int, most: Int?, isInterval: Bool)? {
        if take("*") { return (0, nil, false) }
        if take("+") { return (1, nil, false) }
        if take("?") { return (0, 1, false) }
        let start = position
        guard take("{") else { return nil }
        let least = number()
        let hasComma = take(",")
        let most = hasComma ? number() : least
        guard take("}"), least != nil || most != nil else {
            // A brace by itself.
            position = start
            return nil
        }
        guard (least ?? 0) <= 1000, (most ?? 0) <= 1000, (least ?? 0) <= most ?? .max else {
            throw Failure(problem: "repeats more than 1000 times, or fewer times at most than at least")
        }
        return (least ?? 0, most, true)
    }

    private mutating func number() -> Int? {
        var digits = ""
        while let scalar = next, "0"..."9" ~= scalar, digits.count < 6 {
            digits.unicodeScalars.append(scalar)
            position += 1
        }
        return Int(digits)
    }

    private mutating func atom() throws(Failure) -> ExpressionNode {
        guard let scalar = next else { throw Failure(problem: "ends early") }
        if take("(") { return try group() }
        if take("[") { return .set(try setOfBrackets()) }
        position += 1
        switch scalar {
        case ".": return .set(ScalarSet(ranges: [0x0a...0x0a], isNegated: true))
        case "^": return .place(.lineStart)
        case "$": return .place(.lineEnd)
        case "*", "+", "?": throw Failure(problem: "repeats nothing")
        case "\\":
            let places: [Unicode.Scalar: ExpressionNode.Place] = [
                "A": .textStart, "z": .textEnd, "b": .wordEdge, "B": .insideWordOrNot,
            ]
            if let place = next.flatMap({ places[$0] }) {
                position += 1
                return .place(place)
            }
            // Outside of a set, Oniguruma takes the superscripts and fractions of Latin-1 for word characters.
            if take("w") || take("W") { return .set(ScalarSet.word(isNegated: scalars[position - 1] == "W")) }
            let part = try escape()
            return .set(part.set(ignoringCase: ignoresCase, isNegated: false))
        default:
            return .set(Part(ranges: [scalar.value...scalar.value]).set(ignoringCase: ignoresCase, isNegated: false))
        }
    }

    private mutating func group() throws(Failure) -> ExpressionNode {
        let outer = ignoresCase
        defer { ignoresCase = outer }
        var behind: Bool?
        var ahead: Bool?
        if take("?:") {
        } else if take("?i:") {
            ignoresCase = true
        } else if take("?-i:") {
            ignoresCase = false
        } else if take("?=") {
            ahead = false
        } else if take("?!") {
            ahead = true
        } else if take("?<=") {
            behind = false
        } else if take("?<!") {
            behind = true
        } else if next == "?" {
            throw Failure(problem: "has a group '(?...' that is not supported")
        }
        let content = try choice()
        guard take(")") else { throw Failure(problem: "has a '(' without ')'") }
        if let ahead { return .ahead(content, isNegative: ahead) }
        guard let behind else { return content }
        guard case .set(let set) = content else {
            throw Failure(problem: "looks behind for more than one character, which is not supported")
        }
        return .behind(set, isNegative: behind)
    }
}

extension ExpressionParser {
    /// The members of a set while it is read.
    private struct Part {
        var categories: UInt32 = 0
        var ranges: [ClosedRange<UInt32>] = []
        var traits: ScalarSet.Traits = []

        mutating func add(_ other: Part) {
            categories |= other.categories
            ranges += other.ranges
            traits.formUnion(other.traits)
        }

        /// The member if there is one.
        var single: UInt32? {
            guard categories == 0, traits.isEmpty, ranges.count == 1, ranges[0].count == 1 else { return nil }
            return ranges[0].lowerBound
        }

        func set(ignoringCase: Bool, isNegated: Bool) -> ScalarSet {
            var ranges = ranges
            if ignoringCase {
                for range in self.ranges where range.count <= 1000 {
                    for value in range { ranges += ExpressionParser.caseVariants(of: value).map { $0...$0 } }
                }
            }
            return ScalarSet(categories: categories, ranges: ranges, traits: traits, isNegated: isNegated)
        }
    }

    /// The scalars that are the same letter in another case.
    private static func caseVariants(of value: UInt32) -> [UInt32] {
        guard let scalar = Unicode.Scalar(value) else { return [] }
        var variants: [UInt32] = []
        switch scalar {
        case "s", "S": variants.append(0x17f)
        case "k", "K": variants.append(0x212a)
        default: break
        }
        for mapping in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping]
        where mapping.unicodeScalars.count == 1 {
            variants += mapping.unicodeScalars.map(\.value)
        }
        return variants
    }

    /// After '['.
    private mutating func setOfBrackets() throws(Failure) -> ScalarSet {
        let isNegated = take("^")
        var members = Part()
        var isFirst = true
        while let scalar = next, isFirst || scalar != "]" {
            isFirst = false
            guard scalar != "[", !take("&&") else {
                throw Failure(problem: "has a set within a set, which is not supported")
            }
            let part = try member()
            guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                members.add(part)
                continue
            }
            position += 1
            let last = try member()
            guard let low = part.single, let high = last.single, low <= high else {
                throw Failure(problem: "has a range in a set that is none")
            }
            members.ranges.append(low...high)
        }
        guard take("]") else { throw Failure(problem: "has a '[' without ']'") }
        return members.set(ignoringCase: ignoresCase, isNegated: isNegated)
    }

    private mutating func member() throws(Failure) -> Part {
        guard let scalar = next else { throw Failure(problem: "has a '[' without ']'") }
        position += 1
        return scalar == "\\" ? try escape() : Part(ranges: [scalar.value...scalar.value])
    }

    /// After '\'.
    private mutating func escape() throws(Failure) -> Part {
        guard let scalar = next else { throw Failure(problem: "ends with '\\'") }
        position += 1
        let controls: [Unicode.Scalar: UInt32] = ["n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "a": 7, "e": 27]
        if let control = controls[scalar] { return Part(ranges: [control...control]) }
        switch scalar {
        case "s": return Part(traits: .space)
        case "S": return Part(traits: .notSpace)
        case "w": return Part(traits: .word)
        case "W": return Part(traits: .notWord)
        case "d", "D":
            let digits = GeneralCategories.bits(named: "Nd") ?? 0
            return Part(categories: scalar == "d" ? digits : GeneralCategories.all & ~digits)
        case "h": return Part(ranges: [0x30...0x39, 0x41...0x46, 0x61...0x66])
        case "p", "P": return try property(isNegated: scalar == "P")
        case "x", "u": return try number(after: scalar)
        default:
            guard !scalar.properties.isAlphabetic, !("0"..."9" ~= scalar) else {
                throw Failure(problem: "has '\\\(scalar)', which is not supported")
            }
            return Part(ranges: [scalar.value...scalar.value])
        }
    }

    private mutating func property(isNegated: Bool) throws(Failure) -> Part {
        guard take("{") else { throw Failure(problem: "has a '\\p' without '{'") }
        let isComplement = take("^") != isNegated
        var name = ""
        while let scalar = next, scalar != "}" {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take("}"), let bits = GeneralCategories.bits(named: name) else {
            throw Failure(problem: "has '\\p{\(name)}', which is not supported; known are general categories")
        }
        return Part(categories: isComplement ? GeneralCategories.all & ~bits : bits)
    }

    /// `\x41`, `\x{1F600}`, `\u0041`.
    private mutating func number(after kind: Unicode.Scalar) throws(Failure) -> Part {
        let isBraced = kind == "x" && take("{")
        var digits = ""
        let most = isBraced ? 8 : kind == "x" ? 2 : 4
        while let scalar = next, scalar.properties.isASCIIHexDigit, digits.count < most {
            digits.unicodeScalars.append(scalar)
            position += 1
        }
        guard !isBraced || take("}"), let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil,
            isBraced || kind == "x" || digits.count == 4
        else { throw Failure(problem: "has '\\\(kind)' without the number of a character") }
        return Part(ranges: [value...value])
    }
}
