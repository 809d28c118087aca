import FalconDecoding
import FalconDraft
import FalconModels
import FalconShards
import FalconTensor

/// How much of what a draft head drafts the target itself accepts: held-out prompts are decoded live, as serving will.
///
/// `ReplayEvaluation` needs no pass of the target, but follows stored texts: where those are not the target's own, its
/// figures are lower bounds. Here the text is the target's. It costs the whole target, which is loaded for each
/// evaluation and let go again: training needs the memory.
struct DecodedEvaluation {
    /// Texts of one pass; figures are the same with any number.
    private static let texts = 8

    private let model: ModelSource
    /// The tokens before the first answers.
    private let prompts: [[Int32]]
    private let maximumTokens: Int
    private let tree: TokenTree
    private let pool: ThreadPool

    /// `nil` where the recipe asks for none, or no held-out dialogue has a prompt.
    ///
    /// - Parameter indices: the source's dialogues that are held out.
    /// - Throws: `FileError` or `HDF5Error` where a shard is damaged.
    init?(
        recipe: Recipe, model: ModelSource, source: any FeatureSequences, indices: [Int], pool: ThreadPool
    ) throws {
        let section = recipe.evaluation
        guard section.decodePrompts > 0 else { return nil }
        var prompts: [[Int32]] = []
        for index in indices where prompts.count < section.decodePrompts {
            guard let start = try source.lossMask(index).firstIndex(where: { $0 != 0 }), start > 0 else { continue }
            prompts.append(Array(try source.text(index).tokens.prefix(start)))
        }
        guard !prompts.isEmpty else { return nil }
        (self.model, self.prompts, self.pool) = (model, prompts, pool)
        maximumTokens = section.decodeTokens
        tree = try section.decodedTree(blockSize: recipe.draft.blockSize)
    }

    /// Decodes the prompts with a network as it stands, in the arithmetic that `falcon-infer` takes by itself.
    ///
    /// - Returns: for `metrics.jsonl`; empty where no prompt fits the target's context.
    func evaluate(_ network: DraftNetwork) throws -> MetricRecord {
        let target = try TargetModel(model, arithmetic: nil, pool: pool)
        let head = try DraftHead(network, ends: target.ends, pool: pool)
        let engine = DecodingEngine(
            target: target, head: head, shape: .fixed(tree),
            options: .init(maximumTexts: DecodedEvaluation.texts), pool: pool)
        let stop = StopRule(endTokens: target.configuration.eosTokens, maximumTokens: maximumTokens)
        for prompt in prompts where prompt.count < target.configuration.positionLimit {
            _ = try engine.submit(.init(prompt: prompt, stop: stop))
        }
        var (statistics, count, looping) = (AcceptStatistics(), 0, 0)
        let detector = LoopDetector()
        while !engine.isIdle {
            for finished in try engine.pass(receive: { _, _ in }) {
                statistics.add(finished.text.statistics)
                count += 1
                if detector.loops(finished.text.tokens) { looping += 1 }
            }
        }
        var record = MetricRecord()
        guard count > 0 else { return record }
        record["decoded_accept_length"] = .number(statistics.acceptLength)
        record["decoded_acceptance_by_depth"] = .numbers(statistics.acceptanceByDepth)
        record["decoded_prompts"] = .whole(count)
        record["decoded_looping_prompts"] = .whole(looping)
        record["decoded_tokens"] = .whole(statistics.generatedTokens)
        return record
    }
}

extension EvaluationSection {
    /// The tree that the target verifies: its own, or that of the replay.
    func decodedTree(blockSize: Int) throws -> TokenTree {
        try TokenTree.select(decodeTree.isEmpty ? tree : decodeTree, blockSize: blockSize)
    }
}
