import FalconDecoding

/// A dialogue's plain answers: what every head must reproduce.
struct PlainDialogue: Codable {
    struct Turn: Codable {
        let tokens: [Int32]
        /// Whether the answer goes round in a cycle.
        let loops: Bool
    }

    /// From 0, in the order of the question set.
    let dialogue: Int
    /// As far as the context holds them.
    let turns: [Turn]

    init(_ number: Int, _ answered: AnsweredDialogue) {
        dialogue = number
        turns = answered.turns.map { Turn(tokens: $0.decoded.tokens, loops: $0.loops) }
    }

    /// Positions where a head's answers differ, lengths included.
    func mismatches(_ answered: AnsweredDialogue) -> Int {
        let others = answered.turns.map(\.decoded.tokens)
        return (0..<max(turns.count, others.count)).reduce(0) { sum, turn in
            let own = turn < turns.count ? turns[turn].tokens : []
            let other = turn < others.count ? others[turn] : []
            return sum + zip(own, other).count { $0 != $1 } + abs(own.count - other.count)
        }
    }

    func hasSameTokens(as other: PlainDialogue) -> Bool { turns.map(\.tokens) == other.turns.map(\.tokens) }
}

/// What a head did on a dialogue, and what plain decoding took for it right before.
struct MeasuredDialogue: Codable {
    struct Turn: Codable {
        let statistics: AcceptStatistics
        let seconds: PhaseSeconds
        let loops: Bool
        let plainStatistics: AcceptStatistics
        let plainSeconds: PhaseSeconds
    }

    let dialogue: Int
    let turns: [Turn]
    /// Of all turns; `nil` where tokens are drawn, and differ by chance.
    let mismatched: Int?
    /// What a planner chose, in words.
    let choice: String?

    init(
        _ number: Int, _ answered: AnsweredDialogue, plain: AnsweredDialogue, mismatched: Int?, choice: String?
    ) {
        (dialogue, self.mismatched, self.choice) = (number, mismatched, choice)
        turns = zip(answered.turns, plain.turns).map { own, plain in
            Turn(
                statistics: own.decoded.statistics, seconds: own.decoded.seconds, loops: own.loops,
                plainStatistics: plain.decoded.statistics, plainSeconds: plain.decoded.seconds)
        }
    }
}
