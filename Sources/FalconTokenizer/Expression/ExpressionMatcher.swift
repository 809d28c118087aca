/// Finds the matches of a regular expression in text, as Oniguruma does: of several the one of the earliest branch,
/// with each repetition as long as it can be.
struct ExpressionMatcher {
    /// Another way to go on where one has failed.
    private struct Alternative {
        let instruction: Int
        let position: Int
        /// What a run may still change: for a greedy one how far back it may end, for a lazy one how many more
        /// characters it may take.
        let limit: Int
        let kind: Kind

        enum Kind { case plain, greedy, lazy }
    }

    /// After so many alternatives at one place, those that have failed are remembered, which bounds the work by the
    /// length of the text times that of the program.
    private static let patience = 4096

    private let program: ExpressionProgram
    private var alternatives: [Alternative] = []

    init(_ program: ExpressionProgram) {
        self.program = program
    }

    /// The end of the match that starts at `position`; the text is taken to be `bytes[range]`.
    mutating func matchEnd(_ bytes: [UInt8], _ range: Range<Int>, at position: Int) -> Int? {
        run(bytes, range, 0, position)
    }

    private mutating func run(_ bytes: [UInt8], _ range: Range<Int>, _ first: Int, _ start: Int) -> Int? {
        let bottom = alternatives.count
        defer { alternatives.removeLast(alternatives.count - bottom) }
        var instruction = first
        var position = start
        var failures = 0
        var failed: Set<UInt64> = []
        while true {
            var goesOn = true
            switch program.instructions[instruction] {
            case .accept: return position
            case .set(let set):
                goesOn = false
                if position < range.upperBound {
                    let (value, length) = UTF8Scalar.decode(bytes, at: position)
                    if program.sets[set].contains(value) {
                        position += length
                        goesOn = true
                    }
                }
                instruction += 1
            case .run(let set, let least, let most, let repetition):
                instruction += 1
                goesOn = take(bytes, range, set, least, most, repetition, instruction, &position)
            case .split(let one, let other):
                alternatives.append(Alternative(instruction: other, position: position, limit: 0, kind: .plain))
                instruction = one
            case .jump(let target): instruction = target
            case .ahead(let end, let isNegative):
                goesOn = (run(bytes, range, instruction + 1, position) != nil) != isNegative
                instruction = end
            case .once(let end):
                if let taken = run(bytes, range, instruction + 1, position) {
                    position = taken
                    instruction = end
                } else {
                    goesOn = false
                }
            case .behind(let set, let isNegative):
                let holds =
                    position > range.lowerBound
                    && program.sets[set].contains(
                        UTF8Scalar.decode(bytes, at: UTF8Scalar.start(bytes, before: position)).value)
                goesOn = holds != isNegative
                instruction += 1
            case .place(let place):
                goesOn = isAt(place, bytes, range, position)
                instruction += 1
            }
            while !goesOn {
                guard alternatives.count > bottom, let alternative = alternatives.popLast() else { return nil }
                goesOn = takeUp(alternative, bytes, range, &instruction, &position)
                failures += 1
                if goesOn, failures > Self.patience {
                    goesOn = failed.insert(UInt64(instruction) << 48 | UInt64(position)).inserted
                }
            }
        }
    }

    /// Takes a run of characters and notes where else it may end; `instruction` is the one after it.
    @inline(__always)
    private mutating func take(
        _ bytes: [UInt8], _ range: Range<Int>, _ set: Int, _ least: Int, _ most: Int,
        _ repetition: ExpressionNode.Repetition, _ instruction: Int, _ position: inout Int
    ) -> Bool {
        var count = 0
        var shortest = position
        let wanted = repetition == .lazy ? least : most
        while count < wanted, position < range.upperBound {
            let (value, length) = UTF8Scalar.decode(bytes, at: position)
            guard program.sets[set].contains(value) else { break }
            position += length
            count += 1
            if count == least { shortest = position }
        }
        guard count >= least else { return false }
        switch repetition {
        case .greedy where position > shortest:
            alternatives.append(
                Alternative(instruction: instruction, position: position, limit: shortest, kind: .greedy))
        case .lazy where most > least:
            alternatives.append(
                Alternative(instruction: instruction, position: position, limit: most - least, kind: .lazy))
        case .greedy, .lazy, .possessive: break
        }
        return true
    }

    /// Goes on with an alternative, and notes what is left of it.
    private mutating func takeUp(
        _ alternative: Alternative, _ bytes: [UInt8], _ range: Range<Int>, _ instruction: inout Int,
        _ position: inout Int
    ) -> Bool {
        instruction = alternative.instruction
        position = alternative.position
        switch alternative.kind {
        case .plain: return true
        case .greedy:
            position = UTF8Scalar.start(bytes, before: position)
            if position > alternative.limit {
                alternatives.append(
                    Alternative(
                        instruction: instruction, position: position, limit: alternative.limit, kind: .greedy))
            }
            return true
        case .lazy:
            guard position < range.upperBound, case .run(let set, _, _, _) = program.instructions[instruction - 1]
            else { return false }
            let (value, length) = UTF8Scalar.decode(bytes, at: position)
            guard program.sets[set].contains(value) else { return false }
            position += length
            if alternative.limit > 1 {
                alternatives.append(
                    Alternative(
                        instruction: instruction, position: position, limit: alternative.limit - 1, kind: .lazy))
            }
            return true
        }
    }

    private func isAt(_ place: ExpressionNode.Place, _ bytes: [UInt8], _ range: Range<Int>, _ position: Int) -> Bool {
        let isStart = position == range.lowerBound
        let isEnd = position == range.upperBound
        switch place {
        case .textStart: return isStart
        case .textEnd: return isEnd
        case .lineStart: return isStart || (!isEnd && bytes[position - 1] == 0x0a)
        case .lineEnd: return isEnd || bytes[position] == 0x0a
        case .wordEdge, .insideWordOrNot:
            let before = !isStart && Self.isWord(bytes, UTF8Scalar.start(bytes, before: position))
            let after = !isEnd && Self.isWord(bytes, position)
            return (before != after) == (place == .wordEdge)
        }
    }

    private static func isWord(_ bytes: [UInt8], _ position: Int) -> Bool {
        word.contains(UTF8Scalar.decode(bytes, at: position).value)
    }

    private static let word = ScalarSet.word(isNegated: false)
}
