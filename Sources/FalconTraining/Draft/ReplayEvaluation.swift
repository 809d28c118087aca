import FalconDecoding
import FalconDraft
import FalconModels
import FalconShards
import FalconTensor
import Synchronization

/// How much of what a draft head drafts is accepted: the held-out dialogues are decoded from their stored features, as
/// serving would decode them.
///
/// Teacher-forced accuracy feeds every position the target's own features. Here a pass behind the first builds on
/// features that the head predicted itself, so that the figures are those of decoding: the same as
/// `falcon-infer --replay` prints for the exported head over the same dialogues (see `FeatureReplay`).
package struct ReplayEvaluation {
    /// What was accepted, as a chain and with a tree.
    package struct Result: Equatable, Sendable {
        package var chain = AcceptStatistics()
        package var tree = AcceptStatistics()
        /// Tokens of the replayed answers, and those of them that the target itself would have chosen there. Where
        /// they differ, accept lengths are lower bounds.
        package var textTokens = 0
        package var agreeingTokens = 0

        mutating func add(_ other: Result) {
            chain.add(other.chain)
            tree.add(other.tree)
            textTokens += other.textTokens
            agreeingTokens += other.agreeingTokens
        }

        /// For `metrics.jsonl`; empty where no answer was replayed.
        package var record: MetricRecord {
            var record = MetricRecord()
            guard textTokens > 0 else { return record }
            record["accept_length_chain"] = .number(chain.acceptLength)
            record["accept_length_tree"] = .number(tree.acceptLength)
            record["accept_length_chain_estimate"] = .number(chain.acceptLengthEstimate)
            record["accept_length_tree_estimate"] = .number(tree.acceptLengthEstimate)
            record["acceptance_by_depth_chain"] = .numbers(chain.acceptanceByDepth)
            record["acceptance_by_depth"] = .numbers(tree.acceptanceByDepth)
            record["text_agreement"] = .number(Double(agreeingTokens) / Double(textTokens))
            return record
        }
    }

    /// The results over some dialogues, in order.
    package struct Results: Equatable, Sendable {
        package var dialogues: [Result] = []

        package var whole: Result { dialogues.reduce(into: Result()) { $0.add($1) } }

        /// The shortest beginning whose answers have `sampleTokens` tokens: enough to see that a head decodes as it
        /// did, and a matter of seconds. All dialogues where they have fewer.
        package var sample: (count: Int, result: Result) {
            var (result, count) = (Result(), 0)
            for dialogue in dialogues where result.textTokens < ReplayEvaluation.sampleTokens {
                result.add(dialogue)
                count += 1
            }
            return (count, result)
        }

        /// For `metrics.jsonl`: the figures of the whole and the sample's.
        package var record: MetricRecord {
            var record = whole.record
            guard !record.entries.isEmpty else { return record }
            let (count, result) = sample
            record["sample_dialogues"] = .whole(count)
            record["sample_accept_length_chain"] = .number(result.chain.acceptLength)
            record["sample_accept_length_tree"] = .number(result.tree.acceptLength)
            return record
        }
    }

    /// Tokens of the answers of a sample.
    package static let sampleTokens = 256

    /// Answers are decoded to so many tokens at most, as by `falcon-infer`.
    package static let answerLimit = 512

    private let target: EmbeddingAndHead
    private let source: any FeatureSequences
    private let indices: [Int]
    private let maxLength: Int
    private let chain, tree: TokenTree
    private let pool: ThreadPool

    /// - Parameters:
    ///   - recipe: `[evaluation]` says which tree, how deep the chain, and how many of the dialogues.
    ///   - indices: the source's dialogues that are held out.
    /// - Throws: `TokenTreeError`; a recipe that was read has named it before. `FileError` where the source lacks
    ///   states that the recipe's head reads.
    package init(
        recipe: Recipe, target: EmbeddingAndHead, source: any FeatureSequences, indices: [Int], pool: ThreadPool
    ) throws {
        try source.requireLayers(recipe.draft.auxiliaryLayers)
        (self.target, self.source, self.pool) = (target, source, pool)
        self.indices = Array(indices.prefix(recipe.evaluation.dialogues))
        maxLength = recipe.data.maxLength
        chain = try recipe.evaluation.chain(blockSize: recipe.draft.blockSize)
        tree = try recipe.evaluation.tree(blockSize: recipe.draft.blockSize)
    }

    /// Decodes the dialogues with a network as it stands. The LM head is packed for it and let go again: it would take
    /// memory that training needs.
    func evaluate(_ network: DraftNetwork) throws -> Results {
        guard !indices.isEmpty else { return Results() }
        let ends = target.packed(on: pool)
        return try evaluate(DraftHead(network, ends: ends, pool: pool), ends: ends)
    }

    /// The same for a head that is packed already, e.g. one that was exported.
    ///
    /// - Parameters:
    ///   - isSample: whether to end with the sample, which is the same as that of the whole.
    ///   - progress: called with the number of dialogues that are done.
    package func evaluate(
        _ head: DraftHead, ends: EmbeddingAndHead, isSample: Bool = false, progress: (_ done: Int) -> Void = { _ in }
    ) throws -> Results {
        let stop = StopRule(endTokens: ends.configuration.eosTokens, maximumTokens: ReplayEvaluation.answerLimit)
        let asChain = FeatureReplay(ends: ends, head: head, tree: chain, stop: stop)
        let asTree = FeatureReplay(ends: ends, head: head, tree: tree, stop: stop)
        let alone = ThreadPool(threadCount: 1)
        var results = Results()
        // Pieces bound how many features are held, and what a sample decodes in vain.
        let piece = (isSample ? 1 : 4) * pool.threadCount
        for first in stride(from: 0, to: indices.count, by: piece) {
            let numbers = Array(indices[first..<min(first + piece, indices.count)])
            let sequences = try source.finiteBatch(numbers, limit: maxLength, on: pool)
            // Each dialogue is the work of one thread, so the figures do not depend on how many there are.
            let found = Mutex([Result](repeating: Result(), count: sequences.count))
            pool.run(sequences.count) { number in
                let result = ReplayEvaluation.result(
                    chain: asChain.replay(sequences[number], on: alone),
                    tree: asTree.replay(sequences[number], on: alone))
                found.withLock { $0[number] = result }
            }
            results.dialogues += found.withLock { $0 }
            progress(results.dialogues.count)
            if isSample, results.whole.textTokens >= ReplayEvaluation.sampleTokens { break }
        }
        return results
    }

    private static func result(chain: [ReplayedAnswer], tree: [ReplayedAnswer]) -> Result {
        var result = Result()
        for answer in chain { result.chain.add(answer.decoded.statistics) }
        for answer in tree {
            result.tree.add(answer.decoded.statistics)
            result.textTokens += answer.decoded.tokens.count
            result.agreeingTokens += answer.agreeingTokens
        }
        return result
    }
}

extension EvaluationSection {
    /// The chain that the evaluation drafts: the head's best candidates, `depths` deep.
    func chain(blockSize: Int) throws -> TokenTree { try TokenTree.chain(length: depths, blockSize: blockSize) }

    /// The tree that it drafts, by name or file.
    func tree(blockSize: Int) throws -> TokenTree { try TokenTree.select(tree, blockSize: blockSize) }
}
