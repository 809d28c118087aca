/// The figures of a run, in the words of `falcon-infer --json`; all pooled over prompts. See
/// `AcceptStatistics.formulas` for what each of them is.
package struct DecodingReport: Encodable, Sendable {
    package struct Tree: Encodable, Sendable {
        package let name: String
        package let nodes: Int
        package let depth: Int
    }

    package struct Seconds: Encodable, Sendable {
        package let load, prefill, draft, verify, commit, total: Double
    }

    /// Accept figures of some of the prompts.
    package struct Share: Encodable, Sendable {
        package let prompts: Int
        package let statistics: AcceptStatistics

        init(_ turns: [AnsweredTurn]) {
            prompts = turns.count
            var pooled = AcceptStatistics()
            for turn in turns { pooled.add(turn.decoded.statistics) }
            statistics = pooled
        }
    }

    package let all: Share
    /// The prompts whose answers do not loop: a looping text is easy to draft and flatters the head.
    package let withoutLoops: Share
    package let categories: [String: Share]
    /// Turns that did not fit the target's context.
    package let skippedPrompts: Int
    package let tokensPerSecond: Double
    package let baselineTokensPerSecond: Double?
    package let mismatchedTokens: Int?
    package let seconds: Seconds
    package let tree: Tree
    package let peakMemoryBytes: Int

    /// - Parameters:
    ///   - tree: what was drafted; `nil` for plain decoding.
    ///   - sampling: where tokens are drawn, texts differ by chance and their tokens are not compared.
    ///   - loadSeconds: opening models and packing their weights.
    package init(
        _ dialogues: [AnsweredDialogue], tree: TokenTree?, sampling: SamplingRule = .greedy, loadSeconds: Double,
        peakMemoryBytes: Int
    ) {
        let turns = dialogues.flatMap(\.turns)
        all = Share(turns)
        withoutLoops = Share(turns.filter { !$0.loops })
        categories = Dictionary(grouping: dialogues.filter { $0.prompt.category != nil }) { $0.prompt.category ?? "" }
            .mapValues { Share($0.flatMap(\.turns)) }
        skippedPrompts = dialogues.reduce(0) { $0 + $1.prompt.turns.count - $1.turns.count }

        var (own, plain) = (PhaseSeconds(), PhaseSeconds())
        for turn in turns { own.add(turn.decoded.seconds) }
        for baseline in turns.compactMap(\.baseline) { plain.add(baseline.seconds) }
        func rate(_ tokens: Int, _ seconds: Double) -> Double { seconds > 0 ? Double(tokens) / seconds : 0 }
        tokensPerSecond = rate(all.statistics.generatedTokens, own.total)
        let hasBaseline = turns.contains { $0.baseline != nil }
        let plainTokens = turns.reduce(0) { $0 + ($1.baseline?.tokens.count ?? 0) }
        baselineTokensPerSecond = hasBaseline ? rate(plainTokens, plain.total) : nil
        mismatchedTokens = hasBaseline && sampling.isGreedy ? turns.reduce(0) { $0 + $1.mismatchedTokens } : nil
        seconds = Seconds(
            load: loadSeconds, prefill: own.prefill, draft: own.draft, verify: own.verify, commit: own.commit,
            total: own.total)
        self.tree = Tree(name: tree?.name ?? "none", nodes: tree?.nodes.count ?? 0, depth: tree?.depth ?? 0)
        self.peakMemoryBytes = peakMemoryBytes
    }

    /// How many times as fast as plain decoding.
    package var speedup: Double? {
        baselineTokensPerSecond.map { $0 > 0 ? tokensPerSecond / $0 : 0 }
    }
}

extension DecodingReport {
    fileprivate enum Key: String, CodingKey {
        case prompts, skippedPrompts = "skipped_prompts", generatedTokens = "generated_tokens"
        case targetPasses = "target_passes", draftPasses = "draft_passes"
        case acceptedDraftTokens = "accepted_draft_tokens", acceptLength = "accept_length"
        case tokensPerPass = "tokens_per_pass", acceptanceRate = "acceptance_rate"
        case acceptHistogram = "accept_histogram", acceptanceByDepth = "acceptance_by_depth"
        case tokensPerSecond = "tokens_per_second", baselineTokensPerSecond = "baseline_tokens_per_second"
        case speedup, mismatchedTokens = "mismatched_tokens", seconds, tree, peakMemoryBytes = "peak_memory_bytes"
        case loopingPrompts = "looping_prompts", withoutLoops = "without_loops", categories, formulas
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try DecodingReport.encode(all, into: &object)
        try object.encode(skippedPrompts, forKey: .skippedPrompts)
        try object.encode(tokensPerSecond, forKey: .tokensPerSecond)
        try object.encodeIfPresent(baselineTokensPerSecond, forKey: .baselineTokensPerSecond)
        try object.encodeIfPresent(speedup, forKey: .speedup)
        try object.encodeIfPresent(mismatchedTokens, forKey: .mismatchedTokens)
        try object.encode(seconds, forKey: .seconds)
        try object.encode(tree, forKey: .tree)
        try object.encode(peakMemoryBytes, forKey: .peakMemoryBytes)
        try object.encode(all.prompts - withoutLoops.prompts, forKey: .loopingPrompts)
        try object.encode(withoutLoops, forKey: .withoutLoops)
        if !categories.isEmpty { try object.encode(categories, forKey: .categories) }
        try object.encode(AcceptStatistics.formulas, forKey: .formulas)
    }

    fileprivate static func encode(_ share: Share, into object: inout KeyedEncodingContainer<Key>) throws {
        let statistics = share.statistics
        try object.encode(share.prompts, forKey: .prompts)
        try object.encode(statistics.generatedTokens, forKey: .generatedTokens)
        try object.encode(statistics.targetPasses, forKey: .targetPasses)
        try object.encode(statistics.draftPasses, forKey: .draftPasses)
        try object.encode(statistics.acceptedDraftTokens, forKey: .acceptedDraftTokens)
        try object.encode(statistics.acceptLength, forKey: .acceptLength)
        try object.encode(statistics.tokensPerPass, forKey: .tokensPerPass)
        try object.encode(statistics.acceptanceRate, forKey: .acceptanceRate)
        try object.encode(statistics.histogram, forKey: .acceptHistogram)
        try object.encode(statistics.acceptanceByDepth, forKey: .acceptanceByDepth)
    }
}

extension DecodingReport.Share {
    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: DecodingReport.Key.self)
        try DecodingReport.encode(self, into: &object)
    }
}
