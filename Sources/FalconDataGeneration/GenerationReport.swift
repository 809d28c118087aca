import FalconShards
import FalconTensor

/// What became of a run's input. `written`, `skipped` and `failed` add up to `input`.
package struct GenerationReport: Sendable, Equatable, Codable {
    /// Conversations of the input that fell to this part, unreadable rows of the data set included.
    package internal(set) var input = 0
    package internal(set) var written = 0
    /// Conversations that are of no use, counted by reason.
    package internal(set) var skipped: [String: Int] = [:]
    /// Conversations that should have worked and did not, counted by reason.
    package internal(set) var failed: [String: Int] = [:]
    /// The first few that failed in this run because of their features, each with its name and the token.
    package internal(set) var failures: [String] = []
    /// Conversations that were cut at the greatest length, in the shards that this run made.
    package internal(set) var truncated = 0
    package internal(set) var tokens = 0
    /// Tokens that the assistant says, end of turn included.
    package internal(set) var lossTokens = 0
    /// Length of all shards.
    package internal(set) var bytes = 0
    /// Shards that this run made.
    package internal(set) var shardsMade = 0
    /// Shards that earlier runs had finished.
    package internal(set) var shardsKept = 0
    /// Shards of other parts that this run made, being without an owner.
    package internal(set) var shardsTakenOver = 0
    /// Shards that other processes were making when this run ended.
    package internal(set) var shardsHeld = 0
    /// Tokens that went through the target in this run, and the time that took.
    package internal(set) var tokensMade = 0
    package internal(set) var seconds = 0.0
    /// The part of `seconds` in which no pass ran because features were compressed and written, or the shard before was
    /// not complete yet.
    package internal(set) var writingSeconds = 0.0
    /// Tokens that the target decoded in this run, the time that took, and the dialogues of one pass; `nil` where the
    /// data set's own answers are taken.
    package private(set) var answerTokens: Int?
    package private(set) var answerSeconds: Double?
    package private(set) var answerTokensPerSecond: Double?
    package private(set) var batch: Int?
    package internal(set) var selfPrompts: SelfPromptReport?

    enum CodingKeys: String, CodingKey {
        case input, written, skipped, failed, failures, truncated, tokens, bytes, seconds
        case lossTokens = "loss_tokens", shardsMade = "shards_made", shardsKept = "shards_kept"
        case shardsTakenOver = "shards_taken_over", shardsHeld = "shards_held"
        case tokensMade = "tokens_made", writingSeconds = "writing_seconds"
        case answerTokens = "answer_tokens", answerSeconds = "answer_seconds", batch
        case answerTokensPerSecond = "answer_tokens_per_second", selfPrompts = "self_prompts"
    }

    private static let mostFailuresShown = 5

    mutating func setAnswers(tokens: Int, seconds: Double, batch: Int) {
        (answerTokens, answerSeconds, self.batch) = (tokens, seconds, batch)
        answerTokensPerSecond = seconds > 0 ? Double(tokens) / seconds : 0
    }

    mutating func add(failures more: [String]) {
        failures += more.prefix(GenerationReport.mostFailuresShown - failures.count)
    }

    mutating func add(_ facts: ShardFacts) {
        input += facts.input
        written += facts.sequences
        skipped.merge(facts.skipped, uniquingKeysWith: +)
        failed.merge(facts.failed, uniquingKeysWith: +)
        tokens += facts.tokens
        lossTokens += facts.lossTokens
        bytes += facts.bytes
    }

    /// For a person, a line each: totals first, then each reason.
    package var lines: [String] {
        let skippedCount = skipped.values.reduce(0, +)
        let failedCount = failed.values.reduce(0, +)
        var lines = [
            "\(written) written + \(skippedCount) skipped + \(failedCount) failed = \(counted(input, "conversation"))",
            "\(counted(tokens, "token")), \(lossTokens) of them the assistant's, \(counted(bytes, "byte")) in "
                + "\(counted(shardsMade + shardsKept, "shard")) (\(shardsKept) from earlier runs)",
        ]
        if let answerTokens, let answerTokensPerSecond, let batch, answerTokens > 0 {
            lines.append(
                "\(counted(answerTokens, "token")) of answers at \(Decimals.text(answerTokensPerSecond, 1)) tokens/s, "
                    + "batch \(batch)")
        }
        lines += selfPrompts?.lines ?? []
        if truncated > 0 { lines.append("\(truncated) cut at the greatest length") }
        if shardsTakenOver > 0 { lines.append("\(counted(shardsTakenOver, "shard")) of other parts made, too") }
        if shardsHeld > 0 { lines.append("\(counted(shardsHeld, "shard")) still in the making by other processes") }
        for (title, reasons) in [("skipped", skipped), ("failed", failed)] {
            for (reason, count) in reasons.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
                lines.append("\(title) \(count): \(reason)")
            }
        }
        lines += failures.map { "failed \($0)" }
        if seconds > 0, tokensMade > 0 {
            lines.append(
                "\(Int(Double(tokensMade) / seconds)) tokens/s, waiting for shards to be written took "
                    + "\(Decimals.text(writingSeconds / seconds * 100, 1)) % of the time")
        }
        return lines
    }
}
