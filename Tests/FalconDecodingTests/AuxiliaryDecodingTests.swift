import FalconDraft
import FalconModels
import FalconShards
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconDecoding

/// Heads that read states of the target's layers: the output is plain decoding's, alone and in company, and a replay
/// finds what was accepted.
@Suite struct AuxiliaryDecodingTests {
    @Test(arguments: [ProductArithmetic.float32, .int8])
    func `a state is what a model that ends behind its layer gives`(arithmetic: ProductArithmetic) throws {
        let pool = ThreadPool(threadCount: 2)
        // Weights are drawn layer by layer, and norms are 1: the shorter models are beginnings of the whole one, and
        // their features are the normed stream behind their last layer.
        let models = try (1...4).map { try RandomModels(seed: 77, layers: $0, arithmetic: arithmetic, pool: pool) }
        let whole = models[3].target
        let tokens = (0..<70).map { Int32($0 * 7 % 48) }
        let rows = SequenceFeatures(whole, states: [1, 2, 4]).features(of: tokens, on: pool)
        #expect(rows.shape == [70, 64])
        #expect(
            AuxiliaryLayers.features(of: rows, hidden: 16) == SequenceFeatures(whole).features(of: tokens, on: pool))
        for (place, layer) in [1, 2, 4].enumerated() {
            let expected = SequenceFeatures(models[layer - 1].target).features(of: tokens, on: pool)
            #expect(rows.columns(16 * (place + 1)..<16 * (place + 2)) == expected, "layer \(layer)")
        }
        let fewer = AuxiliaryLayers.rows(rows, of: [1, 4], from: [1, 2, 4], hidden: 16)
        #expect(fewer == SequenceFeatures(whole, states: [1, 4]).features(of: tokens, on: pool))
        #expect(AuxiliaryLayers.rows(rows, of: [], from: [1, 2, 4], hidden: 16) == rows.columns(0..<16))
    }

    @Test(arguments: [1, 2])
    func `greedy texts are plain decoding's, and a text is the same in any company, its states too`(
        threads: Int
    ) throws {
        let pool = ThreadPool(threadCount: threads)
        var random = RandomSource(seed: 390)
        for round in 0..<4 {
            let models = try RandomModels(seed: UInt64(391 + round), layers: 3, pool: pool)
            let head = try models.head(
                models.network(
                    blockSize: 1 + round % 3, layers: 1 + round % 2, fusion: round < 2 ? .linear : .lstm,
                    seed: UInt64(395 + round), correction: round == 2 ? 4 : 0,
                    auxiliary: [[1], [1, 3], [2], [2, 3]][round]),
                pool: pool)
            let tree = try TokenTree(
                name: "random", blockSize: head.blockSize, paths: randomPaths(&random, nodes: 4 + random.below(12)))
            let beginning = (0..<70).map { _ in Int32(random.below(RandomModels.vocabulary)) }
            let requests = (0..<6).map { number in
                DecodingEngine.Request(
                    prompt: (number % 2 == 0 ? beginning : [])
                        + (0...random.below(20)).map { _ in Int32(random.below(RandomModels.vocabulary)) },
                    stop: StopRule(endTokens: [47], maximumTokens: 1 + random.below(24)),
                    sampling: number == 3 ? SamplingRule(temperature: 0.8, seed: 5) : .greedy, stream: "row \(number)")
            }
            // Stored are other layers than the head reads.
            func engine(_ limit: Int) -> DecodingEngine {
                var options = DecodingEngine.Options(
                    maximumTexts: limit, passRows: 24, cacheBytes: 1 << 20, keepsFeatures: true)
                options.states = [1, 2]
                return DecodingEngine(
                    target: models.target, head: head, shape: .fixed(tree), options: options, pool: pool)
            }
            func decode(
                _ requests: [DecodingEngine.Request], on engine: DecodingEngine
            ) throws -> [DecodingEngine.FinishedText] {
                let ids = try requests.map { try engine.submit($0) }
                var finished: [DecodingEngine.TextID: DecodingEngine.FinishedText] = [:]
                while !engine.isIdle {
                    for text in try engine.pass(receive: { _, _ in }) { finished[text.id] = text }
                }
                return ids.compactMap { finished[$0] }
            }
            let together = try decode(requests, on: engine(6))
            try #require(together.count == requests.count)
            for (request, text) in zip(requests, together) {
                let alone = try decode([request], on: engine(1))[0]
                #expect(text.text.tokens == alone.text.tokens && text.text.acceptLengths == alone.text.acceptLengths)
                let whole = SequenceFeatures(models.target, states: [1, 2])
                    .features(of: request.prompt + text.text.tokens, on: pool)
                #expect(text.features == whole && alone.features == whole)
                guard request.sampling.isGreedy else { continue }
                let plain = try PlainDecoder(target: models.target, pool: pool)
                    .decode(request.prompt, stop: request.stop)
                let speculative = try SpeculativeDecoder(target: models.target, head: head, tree: tree, pool: pool)
                    .decode(request.prompt, stop: request.stop)
                #expect(text.text.tokens == plain.tokens && speculative.tokens == plain.tokens)
                #expect(speculative.acceptLengths == text.text.acceptLengths)
            }
        }
    }

    @Test(arguments: [
        (1, FusionKind.linear, 1, "chain:5", 0), (2, .lstm, 1, "random", 0), (3, .gated, 2, "medium", 0),
        (2, .linear, 1, "large", 8),
    ])
    func `on the target's own text a replay is the live run, pass by pass`(
        blockSize: Int, fusion: FusionKind, layers: Int, tree: String, correction: Int
    ) throws {
        let example = try ReplayTests.Example(
            blockSize: blockSize, fusion: fusion, layers: layers, tree: tree, seed: UInt64(70 + blockSize),
            correction: correction, auxiliary: [1, 2])
        let store = try example.store(.float32)
        let answers = try (0..<store.count).flatMap {
            example.replay.replay(try store.sequence(at: $0), on: ThreadPool(threadCount: 1))
        }
        #expect(answers.count == example.live.count)
        for (replayed, live) in zip(answers, example.live) {
            #expect(replayed.decoded.tokens == live.tokens && replayed.decoded.passes == live.passes)
            #expect(replayed.decoded.statistics == live.statistics && replayed.decoded.ranks == live.ranks)
        }
    }

    @Test func `a head whose layers the target has not is refused in one line`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 5, pool: pool)
        let network = try models.network(blockSize: 2, fusion: .linear, seed: 6, auxiliary: [1, 3])
        let line = "\(#expect(throws: FileError.self) { try models.head(network, pool: pool) }!)"
        #expect(line.contains("auxiliary_layers names layer 3, the target has 2") && !line.contains("\n"), "\(line)")
    }
}
