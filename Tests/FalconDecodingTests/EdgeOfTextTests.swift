import FalconDraft
import FalconModels
import FalconTensor
import Testing

@testable import FalconDecoding

/// Where texts begin and end, with every kind of draft: prompts shorter than a block, end tokens inside one, limits,
/// and contexts that fill up.
@Suite struct EdgeOfTextTests {
    /// What `--tree` is given; the planned ones are calibrated first.
    static let trees = ["large", "chain:9", "auto", "dynamic", "dynamic:12"]
    static let heads: [(blockSize: Int, fusion: FusionKind, layers: Int)] = [
        (1, .linear, 1), (2, .lstm, 2), (3, .gated, 1), (4, .lstm, 1), (5, .linear, 3), (8, .gated, 2),
    ]

    private struct Decoders {
        let models: RandomModels
        let plain: PlainDecoder
        let drafting: [(name: String, decoder: SpeculativeDecoder)]
    }

    private func decoders(
        _ head: (blockSize: Int, fusion: FusionKind, layers: Int), context: Int = 512, sampling: SamplingRule = .greedy
    ) throws -> Decoders {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: UInt64(400 + head.blockSize), context: context, favoured: 4, pool: pool)
        let network = try models.network(
            blockSize: head.blockSize, layers: head.layers, fusion: head.fusion, seed: UInt64(head.blockSize))
        let drafter = try models.head(network, pool: pool)
        let stop = StopRule(endTokens: [], maximumTokens: 20)
        let drafting = try EdgeOfTextTests.trees.map { name in
            let decoder = SpeculativeDecoder(
                target: models.target, head: drafter,
                shape: try .select(name, blockSize: head.blockSize, draftsAnyway: true), sampling: sampling,
                pool: pool)
            try decoder.calibrate([[3, 1, 4], [1, 5]], stop: stop, seconds: 0.02)
            return (name, decoder)
        }
        return Decoders(
            models: models, plain: PlainDecoder(target: models.target, sampling: sampling, pool: pool),
            drafting: drafting)
    }

    @Test(arguments: heads.indices)
    func `Every draft keeps the text at a prompt's beginning, an end token, and the context's end`(
        _ index: Int
    ) throws {
        let head = EdgeOfTextTests.heads[index]
        let context = 40
        let decoders = try decoders(head, context: context)
        // What would be said if nothing ended the text but the context.
        let endless = StopRule(endTokens: [], maximumTokens: 1000)
        var drafted = 0
        for length in Set([1, 2, head.blockSize, head.blockSize + 1, context - 2, context - 1]) {
            let prompt = (0..<length).map { Int32(7 * $0 % 45) }
            let free = try decoders.plain.decode(prompt, stop: endless).tokens
            #expect(free.count == context - length)
            for (name, decoder) in decoders.drafting {
                let text = try decoder.decode(prompt, stop: endless)
                #expect(text.tokens == free, "\(name), prompt of \(length)")
                drafted += text.statistics.acceptedDraftTokens
                // An end token at every place where it comes first, thus at all offsets of blocks.
                for end in Set(free.prefix(16)) {
                    let stop = StopRule(endTokens: [end], maximumTokens: 1000)
                    let cut = try decoder.decode(prompt, stop: stop)
                    #expect(cut.tokens == Array(free.prefix((free.firstIndex(of: end) ?? 0) + 1)), "\(name) \(end)")
                    #expect(cut.statistics.generatedTokens == cut.tokens.count)
                }
                for limit in [0, 1, 2, head.blockSize, head.blockSize + 2] where limit < free.count {
                    let stop = StopRule(endTokens: [], maximumTokens: limit)
                    #expect(try decoder.decode(prompt, stop: stop).tokens == Array(free.prefix(limit)), "\(name)")
                }
            }
        }
        #expect(drafted > 10)
    }

    @Test(arguments: [0, 2, 3])
    func `Drawn texts fill the context and keep limits and ends as well`(_ index: Int) throws {
        let context = 32
        let decoders = try decoders(
            EdgeOfTextTests.heads[index], context: context, sampling: SamplingRule(temperature: 2, topK: 6, seed: 3))
        for (name, decoder) in decoders.drafting {
            for length in [1, 5, context - 1] {
                let prompt = (0..<length).map { Int32(5 * $0 % 45) }
                let endless = StopRule(endTokens: [], maximumTokens: 1000)
                #expect(try decoder.decode(prompt, stop: endless).tokens.count == context - length, "\(name)")
                let ends: Set<Int32> = [0, 1]
                let text = try decoder.decode(prompt, stop: StopRule(endTokens: ends, maximumTokens: 12)).tokens
                #expect(text.count <= min(12, context - length) && !text.dropLast().contains(where: ends.contains))
                #expect(text.count == min(12, context - length) || text.last.map(ends.contains) == true)
            }
        }
    }

    @Test func `A prompt of more than 2,048 tokens is continued alike by planned trees`() throws {
        let pool = ThreadPool(threadCount: 2)
        let models = try RandomModels(seed: 27, context: 2120, pool: pool)
        let head = try models.head(models.network(blockSize: 2, fusion: .lstm, seed: 5), pool: pool)
        let prompt = (0..<2090).map { Int32($0 * $0 % RandomModels.vocabulary) }
        let stop = StopRule(endTokens: [], maximumTokens: 1000)
        let plain = try PlainDecoder(target: models.target, pool: pool).decode(prompt, stop: stop).tokens
        #expect(plain.count == 30)
        for name in ["auto", "dynamic:12"] {
            let decoder = SpeculativeDecoder(
                target: models.target, head: head,
                shape: try .select(name, blockSize: 2, draftsAnyway: true), pool: pool)
            try decoder.calibrate([[3, 1, 4]], stop: stop, seconds: 0.02)
            let text = try decoder.decode(prompt, stop: stop)
            #expect(text.tokens == plain && text.statistics.draftPasses > 0)
        }
    }
}
