import FalconDraft
import FalconModels
import FalconTensor
import FalconWeights
import Testing

@testable import FalconDecoding

/// Decoding with a head that ranks some of the target's tokens.
@Suite struct DraftVocabularyDecodingTests {
    private static let stop = StopRule(endTokens: [47], maximumTokens: 60)
    private static let prompt: [Int32] = [3, 1, 4, 1, 5]

    private func decode(
        _ models: RandomModels, _ head: DraftHead, tree: String, rule: SamplingRule = .greedy, on pool: ThreadPool
    ) throws -> DecodedText {
        let tree = try TokenTree.select(tree, blockSize: head.blockSize)
        return try SpeculativeDecoder(target: models.target, head: head, tree: tree, sampling: rule, pool: pool)
            .decode(Self.prompt, stop: Self.stop)
    }

    @Test(arguments: [ProductArithmetic.float32, .bfloat16, .int8], [1, 2])
    func `All tokens as a draft vocabulary give the bits of none`(arithmetic: ProductArithmetic, k: Int) throws {
        let pool = ThreadPool(threadCount: 2)
        let models = try RandomModels(seed: 9, type: .bfloat16, arithmetic: arithmetic, pool: pool)
        let none = try models.head(
            models.network(blockSize: k, fusion: .linear, seed: 3), arithmetic: arithmetic, pool: pool)
        let all = try models.head(
            models.network(
                blockSize: k, fusion: .linear, seed: 3, ranked: Array(0..<Int32(RandomModels.vocabulary))),
            arithmetic: arithmetic, pool: pool)
        #expect(none.vocabulary == nil && all.vocabulary?.isWhole == true)
        for (tree, rule) in [
            ("medium", SamplingRule.greedy), ("chain:4", .greedy), ("small", SamplingRule(temperature: 1.5, seed: 4)),
        ] {
            let (a, b) = (
                try decode(models, none, tree: tree, rule: rule, on: pool),
                try decode(models, all, tree: tree, rule: rule, on: pool)
            )
            #expect(a.tokens == b.tokens && a.passes == b.passes && a.ranks == b.ranks, "\(tree)")
        }
    }

    @Test(arguments: ["chain:4", "medium", "large"])
    func `Greedy texts are the target's, and only ranked tokens drafted`(
        tree: String
    ) throws {
        let pool = ThreadPool(threadCount: 2)
        let models = try RandomModels(seed: 21, pool: pool)
        // Of the five favoured tokens three are ranked, in an order of their own.
        let ranked: [Int32] = [2, 0, 40, 4, 17, 9, 30, 31, 46, 8]
        let network = try models.network(blockSize: 2, fusion: .lstm, seed: 6, ranked: ranked)
        let head = try models.head(network, pool: pool)
        let plain = try PlainDecoder(target: models.target, pool: pool).decode(Self.prompt, stop: Self.stop)
        let text = try decode(models, head, tree: tree, on: pool)
        #expect(text.tokens == plain.tokens)
        if tree != "chain:4" { #expect(text.statistics.acceptedDraftTokens > 0) }

        let features = models.target.forward(
            plain.tokens, cache: models.target.makeCache(capacity: plain.tokens.count), on: pool)
        let (all, some) = (models.target.logits(features, on: pool), head.logits(features, on: pool))
        for row in 0..<features.rowCount {
            #expect(some.row(row) == ranked.map { all[row, Int($0)] })
            let best = PassRankings.candidates(
                some.rows(row..<row + 1).largest(3)[...], [3], head.vocabulary)
            let order = ranked.sorted { all[row, Int($0)] > all[row, Int($1)] }
            #expect(best == [Array(order.prefix(3))])
            for token in 0..<Int32(RandomModels.vocabulary) {
                let place = some.rank(of: token, inRow: row, head.vocabulary)
                #expect(place == order.firstIndex(of: token) ?? .max)
            }
        }
    }

    @Test func `A tree with more ranks than the head has tokens is filled all the same`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 5, pool: pool)
        let head = try models.head(models.network(blockSize: 2, fusion: .gated, seed: 1, ranked: [3, 1]), pool: pool)
        let plain = try PlainDecoder(target: models.target, pool: pool).decode(Self.prompt, stop: Self.stop)
        #expect(try decode(models, head, tree: "large", on: pool).tokens == plain.tokens)
        _ = try decode(models, head, tree: "large", rule: SamplingRule(temperature: 1, seed: 2), on: pool)
    }

    @Test(arguments: ["chain:5", "medium", "random"]) func `A replay is the live run`(tree: String) throws {
        let example = try ReplayTests.Example(
            blockSize: 2, fusion: .lstm, layers: 1, tree: tree, seed: 77, ranked: [0, 1, 3, 12, 20, 33, 46])
        let answers = example.sequences.flatMap { example.replay.replay($0, on: ThreadPool(threadCount: 1)) }
        #expect(answers.count == example.live.count)
        for (replayed, live) in zip(answers, example.live) {
            #expect(replayed.decoded.tokens == live.tokens && replayed.decoded.passes == live.passes)
            #expect(replayed.decoded.ranks == live.ranks && replayed.decoded.statistics == live.statistics)
        }
    }

    @Test func `A head may rank in fewer bits than its target`() throws {
        let pool = ThreadPool(threadCount: 2)
        let models = try RandomModels(seed: 33, pool: pool)
        for ranked in [nil, Array<Int32>(0..<32)] {
            let folder = try models.write(models.network(blockSize: 2, fusion: .linear, seed: 8, ranked: ranked))
            let plain = try PlainDecoder(target: models.target, pool: pool).decode(Self.prompt, stop: Self.stop)
            var bytes: [Int] = []
            for arithmetic in [ProductArithmetic.bfloat16, .int8] {
                let head = try DraftHead(folder: folder, target: models.target, arithmetic: arithmetic, pool: pool)
                #expect(try decode(models, head, tree: "medium", on: pool).tokens == plain.tokens)
                bytes.append(head.rankingByteCount)
            }
            #expect(bytes.allSatisfy { $0 > 0 })
            let own = try DraftHead(folder: folder, target: models.target, pool: pool)
            #expect((own.rankingByteCount > 0) == (ranked != nil))
        }
    }
}
