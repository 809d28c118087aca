import FalconTokenizer

/// Which attempts at first turns become dialogues. Attempts are decided in the order of their numbers, whatever the
/// order in which they are made: so neither the batch nor an interruption changes what is kept.
struct SelfPromptTally {
    let wanted: Int
    let attemptLimit: Int
    /// Made and not decided yet, by number.
    private var waiting: [Int: SelfPromptAttempt] = [:]
    private var known: Set<String> = []
    /// In order, each with what became of it.
    private(set) var decided: [(attempt: SelfPromptAttempt, fault: UserTurnFault?)] = []
    private(set) var kept = 0

    init(wanted: Int, attemptLimit: Int) { (self.wanted, self.attemptLimit) = (wanted, attemptLimit) }

    /// Whether no further attempt matters.
    var isComplete: Bool { kept >= wanted || decided.count >= attemptLimit }

    /// How many could be kept, were none of those dropped that are not decided.
    func hopes(underWay: Int) -> Int { kept + underWay + waiting.values.count { $0.fault == nil } }

    func has(_ number: Int) -> Bool { number < decided.count || waiting[number] != nil }

    mutating func take(_ attempt: SelfPromptAttempt, number: Int) {
        if number >= decided.count { waiting[number] = attempt }
        while !isComplete, let attempt = waiting.removeValue(forKey: decided.count) {
            var fault = attempt.fault
            if fault == nil, !known.insert(UserTurnDraft.normalForm(attempt.text)).inserted { fault = .duplicate }
            if fault == nil { kept += 1 }
            decided.append((attempt, fault))
        }
    }

    var dropped: [UserTurnFault: Int] {
        Dictionary(grouping: decided.compactMap(\.fault)) { $0 }.mapValues(\.count)
    }
}
