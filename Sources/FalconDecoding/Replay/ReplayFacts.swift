/// What the figures of a replay rest on: how far the stored texts are the target's own, and how they were stored.
package struct ReplayFacts: Encodable, Sendable {
    /// The folder of the features.
    package let shards: String
    /// How they are stored. Below float32 the rounding can turn the target's choice where two tokens are almost equally
    /// likely, and the head's ranking: figures then differ a little from the live ones.
    package let dtype: String
    /// Conversations with an answer.
    package let conversations: Int
    /// Tokens of all answers.
    package let textTokens: Int
    /// Those that the target itself would have chosen there.
    package let agreeingTokens: Int
    /// Passes that left the text where the tree went on (see `FeatureReplay`).
    package let cutPasses: Int
    /// The accept length if those had gone on as the others did.
    package let acceptLengthEstimate: Double
    /// Where the target's choices stood in the head's rankings: what the choice of a tree rests on.
    package let ranks: RankStatistics
    /// What the planner expected of the passes, where one chose the trees.
    package let expectation: ReplayedAnswer.Expectation
    /// From the first conversation to the last.
    package let seconds: Double

    /// The share of answer tokens that the target itself would have chosen. 1 on the target's own greedy text.
    package var textAgreement: Double { textTokens == 0 ? 0 : Double(agreeingTokens) / Double(textTokens) }

    package var textTokensPerSecond: Double { seconds > 0 ? Double(textTokens) / seconds : 0 }

    private enum CodingKeys: String, CodingKey {
        case shards, dtype, conversations, textTokens = "text_tokens", agreeingTokens = "agreeing_tokens"
        case textAgreement = "text_agreement", cutPasses = "cut_passes"
        case acceptLengthEstimate = "accept_length_estimate", rankByDepth = "rank_by_depth", seconds,
            textTokensPerSecond = "text_tokens_per_second"
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: CodingKeys.self)
        try object.encode(shards, forKey: .shards)
        try object.encode(dtype, forKey: .dtype)
        try object.encode(conversations, forKey: .conversations)
        try object.encode(textTokens, forKey: .textTokens)
        try object.encode(agreeingTokens, forKey: .agreeingTokens)
        try object.encode(textAgreement, forKey: .textAgreement)
        try object.encode(cutPasses, forKey: .cutPasses)
        try object.encode(acceptLengthEstimate, forKey: .acceptLengthEstimate)
        try object.encode((0..<ranks.depth).map { ranks.histogram(depth: $0 + 1) }, forKey: .rankByDepth)
        try object.encode(seconds, forKey: .seconds)
        try object.encode(textTokensPerSecond, forKey: .textTokensPerSecond)
    }
}
