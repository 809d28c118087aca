/// A regular expression as instructions for `ExpressionMatcher`.
struct ExpressionProgram: Sendable {
    /// Each goes on to the next one where nothing else is said.
    enum Instruction: Sendable {
        /// Takes a character of the set with this number.
        case set(Int)
        /// Takes from `least` to `most` characters of a set.
        case run(Int, least: Int, most: Int, ExpressionNode.Repetition)
        /// Tries the first place, then the second.
        case split(Int, Int)
        case jump(Int)
        /// Tries what follows, up to `accept`, without taking it; goes on at `end`.
        case ahead(end: Int, isNegative: Bool)
        /// Takes what follows, up to `accept`, and never tries another way through it; goes on at `end`.
        case once(end: Int)
        case behind(Int, isNegative: Bool)
        case place(ExpressionNode.Place)
        case accept
    }

    private(set) var instructions: [Instruction] = []
    private(set) var sets: [ScalarSet] = []
    private var numbers: [ScalarSet: Int] = [:]

    /// - Throws: `ExpressionParser.Failure` for an expression of too many instructions.
    init(_ node: ExpressionNode) throws(ExpressionParser.Failure) {
        try add(node)
        instructions.append(.accept)
    }

    private mutating func add(_ node: ExpressionNode) throws(ExpressionParser.Failure) {
        guard instructions.count < 20_000 else { throw ExpressionParser.Failure(problem: "is too long when unrolled") }
        switch node {
        case .set(let set): instructions.append(.set(number(of: set)))
        case .sequence(let parts): for part in parts { try add(part) }
        case .choice(let branches):
            var jumps: [Int] = []
            for branch in branches.dropLast() {
                let split = reserve()
                try add(branch)
                jumps.append(reserve())
                instructions[split] = .split(split + 1, instructions.count)
            }
            if let last = branches.last { try add(last) }
            for jump in jumps { instructions[jump] = .jump(instructions.count) }
        case .repeated(.set(let set), let least, let most, let repetition):
            instructions.append(.run(number(of: set), least: least, most: most ?? .max, repetition))
        case .repeated(let part, let least, let most, .possessive):
            let start = reserve()
            try add(.repeated(part, least: least, most: most, .greedy))
            instructions.append(.accept)
            instructions[start] = .once(end: instructions.count)
        case .repeated(let part, let least, let most, let repetition):
            try repeatGroup(part, least, most, isGreedy: repetition == .greedy)
        case .ahead(let part, let isNegative):
            let start = reserve()
            try add(part)
            instructions.append(.accept)
            instructions[start] = .ahead(end: instructions.count, isNegative: isNegative)
        case .behind(let set, let isNegative): instructions.append(.behind(number(of: set), isNegative: isNegative))
        case .place(let place): instructions.append(.place(place))
        }
    }

    private mutating func repeatGroup(
        _ part: ExpressionNode, _ least: Int, _ most: Int?, isGreedy: Bool
    ) throws(ExpressionParser.Failure) {
        for _ in 0..<least { try add(part) }
        var splits: [Int] = []
        if let most {
            for _ in least..<most {
                splits.append(reserve())
                try add(part)
            }
        } else {
            splits.append(reserve())
            try add(part)
            instructions.append(.jump(splits[0]))
        }
        let end = instructions.count
        for split in splits { instructions[split] = isGreedy ? .split(split + 1, end) : .split(end, split + 1) }
    }

    /// A place for an instruction that is known later.
    private mutating func reserve() -> Int {
        instructions.append(.accept)
        return instructions.count - 1
    }

    private mutating func number(of set: ScalarSet) -> Int {
        if let number = numbers[set] { return number }
        numbers[set] = sets.count
        sets.append(set)
        return sets.count - 1
    }
}
