import FalconDecoding

/// `compare.json`: what heads and trees bring on question files, and how the heads were trained. Of a head with several
/// seeds each figure has one value a seed.
package struct ComparisonReport: Codable, Sendable {
    /// One figure over a head's seeds.
    package struct Figure: Codable, Sendable, Equatable {
        package let mean: Double
        /// Sample standard deviation; `nil` for one seed.
        package let deviation: Double?
        /// In the order of the seeds.
        package let values: [Double]

        /// `nil` without values.
        init?(_ values: [Double]) {
            guard !values.isEmpty else { return nil }
            let mean = values.reduce(0, +) / Double(values.count)
            (self.mean, self.values) = (mean, values)
            let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            deviation = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : nil
        }
    }

    /// A question file, and plain decoding of it.
    package struct Questions: Codable, Sendable {
        package let name, path: String
        package let dialogues: Int
        /// Answers that are measured so far, and those of them that go round in a cycle.
        package let prompts, loopingPrompts, generatedTokens: Int
        package let tokensPerSecond, millisecondsPerPass: Double?
    }

    package struct Head: Codable, Sendable {
        package let name, note: String
        package let blockSize: Int
        /// Of the packed weights, the LM head's rows apart.
        package let byteCount: Int
        package let members: [Member]
    }

    package struct Member: Codable, Sendable {
        package let path, folder: String
        package let step: Int?
    }

    /// A head with a tree on one question file, or on all of them.
    package struct Row: Codable, Sendable {
        package let head, tree: String
        /// The file's name, or `all`.
        package let questions: String
        /// Dialogues that each seed has answered, of so many.
        package let dialogues, ofDialogues: Int
        package let acceptLength, acceptLengthWithoutLoops: Figure?
        package let acceptanceByDepth, acceptanceByDepthWithoutLoops: [Figure]
        package let draftMillisecondsPerPass, draftShareOfTargetPass: Figure?
        package let tokensPerSecond, baselineTokensPerSecond, speedup: Figure?
        package let generatedTokens, targetPasses, draftPasses: Int
        package let mismatchedTokens: Int?
        /// What a planner chose last, in words.
        package let choice: String?
        /// Its mean accept length without loops, over that of the head that all are compared with.
        package var overBase: Double?
    }

    /// What the heads had come to at the same point of training, by the accept length on held-out dialogues.
    package struct EqualTraining: Codable, Sendable {
        /// The last step that all runs have evaluated, and the fewest tokens that any run has read.
        package let steps, tokens: Int
        package let heads: [Entry]

        package struct Entry: Codable, Sendable {
            package let head: String
            package let atSteps, atTokens: Figure?
        }
    }

    package let target, targetFingerprint: String
    package let trees: [String]
    /// The name of the head that all are compared with, where there is one.
    package let base: String?
    package let maxNewTokens: Int
    package let temperature: Double
    package let lookup: Bool
    /// Whether everything that was asked for is measured.
    package let complete: Bool
    package let questions: [Questions]
    package let heads: [Head]
    package let rows: [Row]
    package let curves: [TrainingCurve]
    /// `nil` where fewer than two heads have a log of their training.
    package let equalTraining: EqualTraining?
    package let mismatchedTokens: Int?
    package let formulas: [String: String]

    static let ownFormulas = [
        "draft_milliseconds_per_pass": "1000 x seconds of drafting / draft_passes (ranking and the tree included)",
        "draft_share_of_target_pass": "draft_milliseconds_per_pass / milliseconds of a plain pass, same dialogues",
        "baseline_tokens_per_second": "plain decoding of each dialogue right before the heads decode it",
        "over_base": "mean accept_length_without_loops / that of the head named base, same tree and questions",
        "deviation": "sample standard deviation over seeds",
        "equal_training": "accept_length_tree of the last evaluation at or before that point, else its estimate",
    ]

    static var allFormulas: [String: String] {
        let names = [
            "accept_length", "acceptance_by_depth", "target_passes", "generated_tokens", "tokens_per_second", "speedup",
            "mismatched_tokens",
        ]
        return AcceptStatistics.formulas.filter { names.contains($0.key) }.merging(ownFormulas) { $1 }
    }
}
