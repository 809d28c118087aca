import FalconDraft
import FalconTensor
import Testing

@testable import FalconDecoding

/// Texts whose trees are drafted in the same passes are drafted and decoded as each alone.
@Suite struct DraftedTogetherTests {
    @Test(arguments: [("chain:3", 1), ("medium", 2), ("small", 3)], FusionKind.allCases)
    func `Rounds are those of each text alone`(tree: (name: String, blockSize: Int), fusion: FusionKind) throws {
        let pool = ThreadPool(threadCount: 2)
        let models = try RandomModels(seed: 61, pool: pool)
        for (ranked, correction) in [(nil, 0), ([0, 1, 2, 3, 9, 20, 31], 0), (nil, 8)] as [([Int32]?, Int)] {
            let head = try models.head(
                models.network(
                    blockSize: tree.blockSize, fusion: fusion, seed: 8, ranked: ranked, correction: correction),
                pool: pool)
            let shape = DraftShape.fixed(try TokenTree.select(tree.name, blockSize: tree.blockSize))
            let requests = (0..<7).map { number in
                DecodingEngine.Request(
                    prompt: (0...Int32(number * 5)).map { ($0 * 7 + Int32(number)) % 48 },
                    stop: StopRule(endTokens: [47], maximumTokens: 8 + number * 4),
                    sampling: number % 3 == 2 ? SamplingRule(temperature: 1.2, topP: 0.9, seed: 3) : .greedy,
                    stream: "row \(number)")
            }
            func decode(_ texts: Int) throws -> [DecodedText] {
                let engine = DecodingEngine(
                    target: models.target, head: head, shape: shape, options: .init(maximumTexts: texts, passRows: 40),
                    pool: pool)
                let ids = try requests.map { try engine.submit($0) }
                var finished: [DecodingEngine.TextID: DecodedText] = [:]
                while !engine.isIdle {
                    for text in try engine.pass(receive: { _, _ in }) { finished[text.id] = text.text }
                }
                return ids.compactMap { finished[$0] }
            }
            let alone = try decode(1)
            #expect(alone.count == requests.count && alone.contains { $0.statistics.acceptedDraftTokens > 0 })
            for texts in [3, 7] {
                for (own, other) in zip(alone, try decode(texts)) {
                    #expect(own.tokens == other.tokens && own.passes == other.passes && own.ranks == other.ranks)
                    #expect(own.statistics == other.statistics)
                }
            }
        }
    }
}
