import FalconShards
import FalconTensor

/// What became of the target's attempts at first turns, and of the turns after them.
package struct SelfPromptReport: Sendable, Equatable, Codable {
    /// Dialogues that were asked for.
    package let wanted: Int
    package let attempts: Int
    package let kept: Int
    /// Attempts that were dropped, counted by reason (`UserTurnFault`).
    package let dropped: [String: Int]
    /// Dialogues that end early because a later question was dropped, by reason, in the shards that this run made.
    package internal(set) var laterTurnsDropped: [String: Int] = [:]
    /// Decoding them, in this run; 0 where an earlier one wrote them.
    package let seconds: Double

    enum CodingKeys: String, CodingKey {
        case wanted, attempts, kept, dropped, seconds, laterTurnsDropped = "later_turns_dropped"
    }

    /// For a person.
    var lines: [String] {
        func reasons(_ counts: [String: Int]) -> String {
            counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
                .map { "\($0.value) \(UserTurnFault(rawValue: $0.key)?.words ?? $0.key)" }.joined(separator: ", ")
        }
        let share = attempts > 0 ? Double(attempts - kept) / Double(attempts) * 100 : 0
        var line = "self-written prompts: \(kept) kept of \(counted(attempts, "attempt"))"
        if !dropped.isEmpty { line += ", \(Decimals.text(share, 1)) % dropped: \(reasons(dropped))" }
        var lines = [line]
        if !laterTurnsDropped.isEmpty { lines.append("later questions dropped: \(reasons(laterTurnsDropped))") }
        return lines
    }
}
