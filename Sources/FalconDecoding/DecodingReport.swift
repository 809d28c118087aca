/// The figures of a run, in the words of `falcon-infer --json`; all pooled over prompts. See
/// `AcceptStatistics.formulas` for what each of them is.
package struct DecodingReport: Encodable, Sendable {
    package struct Tree: Encodable, Sendable {
        package let name: String
        /// Of trees that differ from round to round their mean number.
        package let nodes: Int
        /// The deepest one's.
        package let depth: Int
        /// What a planner expected, where one chose the tree.
        package let prediction: TreePlanner.Prediction?
        /// How far the predicted tokens/s are from the measured ones: 0.1 is a tenth too many. `nil` for a replay.
        package let predictionError: Double?
        /// The planner's choice in words.
        package let choice: String?
        /// What it measured before.
        package let costs: CostCurve?

        enum CodingKeys: String, CodingKey {
            case name, nodes, depth
            case predictedTokensPerSecond = "predicted_tokens_per_second"
            case predictedPlainTokensPerSecond = "predicted_plain_tokens_per_second"
            case predictedAcceptLength = "predicted_accept_length", planSeconds = "plan_seconds"
            case predictionError = "prediction_error", choice, costs
        }

        package func encode(to encoder: any Encoder) throws {
            var object = encoder.container(keyedBy: CodingKeys.self)
            try object.encode(name, forKey: .name)
            try object.encode(nodes, forKey: .nodes)
            try object.encode(depth, forKey: .depth)
            try object.encodeIfPresent(prediction?.tokensPerSecond, forKey: .predictedTokensPerSecond)
            try object.encodeIfPresent(prediction?.plainTokensPerSecond, forKey: .predictedPlainTokensPerSecond)
            try object.encodeIfPresent(prediction?.acceptLength, forKey: .predictedAcceptLength)
            try object.encodeIfPresent(predictionError, forKey: .predictionError)
            try object.encodeIfPresent(prediction?.planSeconds, forKey: .planSeconds)
            try object.encodeIfPresent(choice, forKey: .choice)
            try object.encodeIfPresent(costs, forKey: .costs)
        }
    }

    package struct Seconds: Encodable, Sendable {
        package let load, prefill, draft, verify, commit, total: Double
    }

    /// A kind of question: all of its prompts, and those that do not loop.
    package struct Category: Sendable {
        package let all: Share
        package let withoutLoops: Share
    }

    package let all: Share
    /// The prompts whose answers do not loop: a looping text is easy to draft and flatters the head.
    package let withoutLoops: Share
    package let categories: [String: Category]
    /// Turns that did not fit the target's context.
    package let skippedPrompts: Int
    /// Where the time went; `nil` for a replay.
    package let seconds: Seconds?
    package let tree: Tree
    package let peakMemoryBytes: Int
    /// For a replay, what its figures rest on.
    package let replay: ReplayFacts?
    /// Whether the run was stopped before its end: the figures are those of what was finished.
    package let isInterrupted: Bool
    /// Texts that were decoded in one pass; `nil` for a replay.
    package let batch: Int?

    /// - Parameters:
    ///   - tree: what was drafted; `nil` for plain decoding.
    ///   - planner: what chose the tree, where something did: the report then tells its last one.
    ///   - lookup: what drafted from the texts' own n-grams, where something did.
    ///   - sampling: where tokens are drawn and a head drafts, texts differ by chance: their tokens are not compared.
    ///   - loadSeconds: opening models and packing their weights.
    ///   - batch: texts that were decoded in one pass.
    ///   - replay: for stored answers instead of decoded ones: then there is no speed.
    package init(
        _ dialogues: [AnsweredDialogue], tree: TokenTree?, planner: TreePlanner? = nil,
        lookup: LookupPlanner? = nil, sampling: SamplingRule = .greedy, loadSeconds: Double, peakMemoryBytes: Int,
        replay: ReplayFacts? = nil,
        isInterrupted: Bool = false, batch: Int = 1
    ) {
        self.batch = replay == nil ? batch : nil
        let turns = dialogues.flatMap(\.turns)
        let isTimed = replay == nil
        let isAlone = lookup != nil && tree == nil && planner == nil
        func share(_ turns: [AnsweredTurn]) -> Share {
            Share(
                turns, comparing: sampling.isGreedy || isAlone, isTimed: isTimed, usesLookup: lookup != nil)
        }
        func unlooped(_ turns: [AnsweredTurn]) -> Share { share(turns.filter { !$0.loops }) }
        (all, withoutLoops) = (share(turns), unlooped(turns))
        categories = Dictionary(grouping: dialogues.filter { $0.prompt.category != nil }) { $0.prompt.category ?? "" }
            .mapValues { dialogues in
                let turns = dialogues.flatMap(\.turns)
                return Category(all: share(turns), withoutLoops: unlooped(turns))
            }
        skippedPrompts = dialogues.filter { $0.stopped == nil }.reduce(0) {
            $0 + $1.prompt.turns.count - $1.turns.count
        }
        var own = PhaseSeconds()
        for turn in turns { own.add(turn.decoded.seconds) }
        seconds =
            isTimed
            ? Seconds(
                load: loadSeconds, prefill: own.prefill, draft: own.draft, verify: own.verify, commit: own.commit,
                total: own.total) : nil
        let drafted = planner?.plan(sharedBy: batch).tree ?? tree
        func deepest() -> Int { turns.lazy.flatMap(\.decoded.passes).map(\.treeDepth).max() ?? 0 }
        var grown = planner?.meanNodeCount.map { (nodes: $0, depth: deepest()) }
        if isAlone {
            let drafts = turns.lazy.flatMap(\.decoded.passes).count { $0.treeDepth > 0 }
            grown = (drafts == 0 ? 0 : (all.statistics.lookupTokens + drafts / 2) / drafts, deepest())
        }
        let (statistics, measured) = (all.statistics, all.tokensPerSecond ?? 0)
        let prediction: TreePlanner.Prediction?
        if let replay {
            prediction = planner?.prediction(of: replay, statistics: statistics)
        } else {
            prediction = planner?.prediction(
                prefillSeconds: own.prefill, generatedTokens: statistics.generatedTokens)
        }
        self.tree = Tree(
            name: planner?.name ?? tree?.name ?? lookup?.name ?? "none",
            nodes: grown?.nodes ?? drafted?.nodes.count ?? 0,
            depth: grown?.depth ?? drafted?.depth ?? 0,
            prediction: prediction,
            predictionError: measured > 0 ? prediction.map { $0.tokensPerSecond / measured - 1 } : nil,
            choice: planner?.summary(sharedBy: batch) ?? lookup?.summary,
            costs: planner?.measuredCosts ?? lookup?.measuredCosts)
        self.peakMemoryBytes = peakMemoryBytes
        self.replay = replay
        self.isInterrupted = isInterrupted
    }
}

extension DecodingReport {
    enum Key: String, CodingKey {
        case prompts, skippedPrompts = "skipped_prompts", generatedTokens = "generated_tokens"
        case targetPasses = "target_passes", draftPasses = "draft_passes"
        case lookupTokens = "lookup_tokens", acceptedLookupTokens = "accepted_lookup_tokens"
        case acceptedDraftTokens = "accepted_draft_tokens", acceptLength = "accept_length"
        case tokensPerPass = "tokens_per_pass", acceptanceRate = "acceptance_rate"
        case acceptHistogram = "accept_histogram", acceptanceByDepth = "acceptance_by_depth"
        case tokensPerSecond = "tokens_per_second", baselineTokensPerSecond = "baseline_tokens_per_second"
        case speedup, mismatchedTokens = "mismatched_tokens", seconds, tree, peakMemoryBytes = "peak_memory_bytes"
        case loopingPrompts = "looping_prompts", withoutLoops = "without_loops", categories, formulas, replay
        case finishReasons = "finish_reasons", interrupted, batch
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try all.encode(into: &object)
        try object.encode(skippedPrompts, forKey: .skippedPrompts)
        try object.encodeIfPresent(batch, forKey: .batch)
        try object.encodeIfPresent(seconds, forKey: .seconds)
        try object.encode(tree, forKey: .tree)
        try object.encode(peakMemoryBytes, forKey: .peakMemoryBytes)
        try object.encode(withoutLoops, forKey: .withoutLoops)
        if !categories.isEmpty { try object.encode(categories.mapValues(CategoryObject.init), forKey: .categories) }
        try object.encodeIfPresent(replay, forKey: .replay)
        try object.encode(isInterrupted, forKey: .interrupted)
        var formulas = replay == nil ? AcceptStatistics.formulas : AcceptStatistics.replayFormulas
        if all.usesLookup { formulas.merge(AcceptStatistics.lookupFormulas) { old, _ in old } }
        try object.encode(formulas, forKey: .formulas)
    }

    private struct CategoryObject: Encodable {
        let category: Category

        func encode(to encoder: any Encoder) throws {
            var object = encoder.container(keyedBy: Key.self)
            try category.all.encode(into: &object)
            try object.encode(category.withoutLoops, forKey: .withoutLoops)
        }
    }
}
