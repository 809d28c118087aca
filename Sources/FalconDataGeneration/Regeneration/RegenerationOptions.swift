import FalconDecoding

/// How the target answers the prompts itself.
package struct RegenerationOptions: Sendable {
    /// A draft head's folder; plain decoding without it.
    package var draft: String?
    /// Whether a head of another target of the same sizes will do.
    package var allowsOtherTarget: Bool
    /// The draft tree: what `DraftShape.select` takes; where answers are drawn, what `TokenTree.select` does.
    package var tree: String
    /// How long rounds are measured for a tree that is planned.
    package var planSeconds = 3.0
    package var sampling: SamplingRule
    /// The most tokens of an answer.
    package var maxNewTokens: Int
    /// Dialogues that are answered in one pass; a matter of memory and pace, not of the answers.
    package var batch: BatchSize
    /// The most bytes of beginnings that are kept for dialogues that begin the same and for their next turns.
    package var cacheBytes = DecodingEngine.Options.usualCacheBytes

    package init(
        draft: String? = nil, allowsOtherTarget: Bool = false, tree: String = TokenTree.Size.medium.rawValue,
        sampling: SamplingRule = .greedy,
        maxNewTokens: Int = 512, batch: BatchSize = .automatic
    ) {
        (self.allowsOtherTarget, self.batch) = (allowsOtherTarget, batch)
        (self.draft, self.tree, self.sampling, self.maxNewTokens) = (draft, tree, sampling, maxNewTokens)
    }
}
