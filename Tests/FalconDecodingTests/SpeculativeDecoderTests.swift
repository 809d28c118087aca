import FalconDraft
import FalconModels
import FalconTensor
import Testing

@testable import FalconDecoding

/// The promise of speculative decoding: the same tokens as plain decoding, whatever the draft head guesses.
@Suite struct SpeculativeDecoderTests {
    static let shapes: [(blockSize: Int, fusion: FusionKind, layers: Int)] =
        (1...4).flatMap { blockSize in
            FusionKind.allCases.map { (blockSize, $0, 1) }
        } + [
            (2, .gated, 2), (3, .lstm, 2), (4, .linear, 3), (5, .lstm, 2), (6, .gated, 1), (7, .linear, 2),
            (8, .lstm, 3),
        ]

    private func prompt(_ length: Int, _ random: inout RandomSource) -> [Int32] {
        (0..<length).map { _ in Int32(random.below(RandomModels.vocabulary)) }
    }

    @Test(arguments: shapes)
    func `Speculative output equals plain output, over random targets, heads, trees and prompts`(
        _ blockSize: Int, _ fusion: FusionKind, _ layers: Int
    ) throws {
        let pool = ThreadPool(threadCount: 2)
        let seed = UInt64(blockSize * 100 + layers * 10 + fusion.rawValue.count)
        var random = RandomSource(seed: seed)
        var accepted = 0
        for round in 0..<3 {
            let models = try RandomModels(seed: seed + UInt64(round), keyValueHeads: 1 << round, pool: pool)
            let head = try models.head(
                models.network(blockSize: blockSize, layers: layers, fusion: fusion, seed: seed), pool: pool)
            let plain = PlainDecoder(target: models.target, pool: pool)
            for _ in 0..<3 {
                let tree = try TokenTree(
                    name: "random", blockSize: blockSize, paths: randomPaths(&random, nodes: 5 + random.below(40)))
                let speculative = SpeculativeDecoder(target: models.target, head: head, tree: tree, pool: pool)
                let prompt = prompt(1 + random.below(20), &random)
                // The favoured tokens are not among the end tokens: texts run to the limit.
                let stop = StopRule(endTokens: [47], maximumTokens: 40)
                var streamed: [Int32] = []
                let text = try speculative.decode(prompt, stop: stop) { streamed += $0.tokens }
                let expected = try plain.decode(prompt, stop: stop)
                #expect(text.tokens == expected.tokens && streamed == text.tokens)
                expectConsistent(text)
                accepted += text.statistics.acceptedDraftTokens
            }
        }
        // The property is empty where nothing was ever accepted.
        #expect(accepted > 10)
    }

    @Test(arguments: ProductArithmetic.allCases, [1, 2, 3])
    func `Speculative output equals plain output in every arithmetic, with any number of threads`(
        _ arithmetic: ProductArithmetic, _ threads: Int
    ) throws {
        let pool = ThreadPool(threadCount: threads)
        var random = RandomSource(seed: 31)
        let models = try RandomModels(seed: 31, arithmetic: arithmetic, pool: pool)
        let plain = PlainDecoder(target: models.target, pool: pool)
        let stop = StopRule(endTokens: [47], maximumTokens: 40)
        var accepted = 0
        for (blockSize, fusion) in [(2, FusionKind.lstm), (3, .gated), (1, .linear)] {
            let head = try models.head(models.network(blockSize: blockSize, fusion: fusion, seed: 6), pool: pool)
            for _ in 0..<2 {
                let tree = try TokenTree(
                    name: "random", blockSize: blockSize, paths: randomPaths(&random, nodes: 5 + random.below(50)))
                let speculative = SpeculativeDecoder(target: models.target, head: head, tree: tree, pool: pool)
                let prompt = prompt(1 + random.below(20), &random)
                let text = try speculative.decode(prompt, stop: stop)
                #expect(try text.tokens == plain.decode(prompt, stop: stop).tokens)
                accepted += text.statistics.acceptedDraftTokens
            }
        }
        #expect(accepted > 5)
    }

    @Test func `Shipped trees and chains keep the output too`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 9, pool: pool)
        let head = try models.head(models.network(blockSize: 2, fusion: .lstm, seed: 4), pool: pool)
        let stop = StopRule(endTokens: [47], maximumTokens: 30)
        let expected = try PlainDecoder(target: models.target, pool: pool).decode([5, 6, 7], stop: stop)
        let others = ["kmask3_6layer_tree", "kmask4_8layer_tree"]
        for name in TokenTree.names.filter({ !others.contains($0) }) + ["chain:1", "chain:2", "chain:7"] {
            let tree = try TokenTree.select(name, blockSize: 2)
            for alignment in [DraftSession.Alignment.newest, .start] {
                let decoder = SpeculativeDecoder(
                    target: models.target, head: head, tree: tree, alignment: alignment, pool: pool)
                #expect(try decoder.decode([5, 6, 7], stop: stop).tokens == expected.tokens, "\(name)")
            }
        }
    }

    @Test func `Text ends at an end token inside a block, with nothing behind it counted`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 21, favoured: 3, pool: pool)
        let head = try models.head(models.network(blockSize: 3, fusion: .gated, seed: 5), pool: pool)
        let tree = try TokenTree.select("large", blockSize: 3)
        let decoder = SpeculativeDecoder(target: models.target, head: head, tree: tree, pool: pool)
        let plain = PlainDecoder(target: models.target, pool: pool)
        let free = try plain.decode([1, 2, 3, 4], stop: StopRule(endTokens: [], maximumTokens: 40)).tokens
        for end in Set(free) {
            let stop = StopRule(endTokens: [end], maximumTokens: 40)
            let text = try decoder.decode([1, 2, 3, 4], stop: stop)
            #expect(text.tokens == Array(free.prefix((free.firstIndex(of: end) ?? 0) + 1)))
            expectConsistent(text)
        }
    }

    @Test func `Any limit on new tokens is kept`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 22, pool: pool)
        let head = try models.head(models.network(blockSize: 2, fusion: .linear, seed: 5), pool: pool)
        let decoder = SpeculativeDecoder(
            target: models.target, head: head, tree: try TokenTree.select("medium", blockSize: 2), pool: pool)
        let plain = PlainDecoder(target: models.target, pool: pool)
        for limit in 0...12 {
            let stop = StopRule(endTokens: [], maximumTokens: limit)
            let text = try decoder.decode([3, 1], stop: stop)
            #expect(text.tokens.count == limit)
            #expect(try text.tokens == plain.decode([3, 1], stop: stop).tokens)
            expectConsistent(text)
        }
    }

    @Test func `A context that fills up ends both decoders at the same token`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 23, context: 24, pool: pool)
        let head = try models.head(models.network(blockSize: 4, fusion: .lstm, seed: 5), pool: pool)
        let decoder = SpeculativeDecoder(
            target: models.target, head: head, tree: try TokenTree.select("large", blockSize: 4), pool: pool)
        let plain = PlainDecoder(target: models.target, pool: pool)
        let stop = StopRule(endTokens: [], maximumTokens: 1000)
        for length in [1, 3, 10, 22, 23] {
            let prompt = (0..<length).map { Int32($0) }
            let text = try decoder.decode(prompt, stop: stop)
            #expect(text.tokens.count == 24 - length)
            #expect(try text.tokens == plain.decode(prompt, stop: stop).tokens)
        }
        let full = (0..<24).map { Int32($0) }
        for decoder in [decoder, plain] as [any TextDecoder] {
            #expect(throws: DecodingError.promptTooLong(tokens: 24, context: 24)) {
                try decoder.decode(full, stop: stop)
            }
            #expect(throws: DecodingError.emptyPrompt) { try decoder.decode([], stop: stop) }
        }
    }

    @Test func `The number of threads changes nothing`() throws {
        let stop = StopRule(endTokens: [], maximumTokens: 40)
        var texts: [DecodedText] = []
        for threads in [1, 3] {
            let pool = ThreadPool(threadCount: threads)
            let models = try RandomModels(seed: 24, pool: pool)
            let head = try models.head(models.network(blockSize: 2, fusion: .lstm, seed: 5), pool: pool)
            let tree = try TokenTree.select("large", blockSize: 2)
            texts.append(
                try SpeculativeDecoder(target: models.target, head: head, tree: tree, pool: pool)
                    .decode([9, 8, 7], stop: stop))
        }
        #expect(texts[0].tokens == texts[1].tokens && texts[0].acceptLengths == texts[1].acceptLengths)
    }

    @Test(arguments: [ElementType.float32, .bfloat16, .float16], [1, 3])
    func `Every stored type and number of threads keeps the output`(_ type: ElementType, _ threads: Int) throws {
        let pool = ThreadPool(threadCount: threads)
        let models = try RandomModels(seed: 25, type: type, pool: pool)
        let head = try models.head(models.network(blockSize: 2, layers: 2, fusion: .lstm, seed: 5), pool: pool)
        let stop = StopRule(endTokens: [47], maximumTokens: 40)
        let plain = try PlainDecoder(target: models.target, pool: pool).decode([9, 8, 7], stop: stop).tokens
        for name in ["chain:3", "large", "kmask2_8layer_tree"] {
            let tree = try TokenTree.select(name, blockSize: 2)
            let decoder = SpeculativeDecoder(target: models.target, head: head, tree: tree, pool: pool)
            #expect(try decoder.decode([9, 8, 7], stop: stop).tokens == plain)
        }
    }

    @Test(arguments: [1, 2, 4, 8])
    func `Prompts shorter than a block are decoded right, and drafted for once they are long enough`(
        _ blockSize: Int
    ) throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 26, pool: pool)
        let head = try models.head(models.network(blockSize: blockSize, layers: 2, fusion: .gated, seed: 5), pool: pool)
        let tree = try TokenTree.select("medium", blockSize: blockSize)
        let decoder = SpeculativeDecoder(target: models.target, head: head, tree: tree, pool: pool)
        let plain = PlainDecoder(target: models.target, pool: pool)
        let stop = StopRule(endTokens: [], maximumTokens: 24)
        for length in 1...blockSize + 1 {
            let prompt = (0..<length).map { Int32(3 * $0 + 1) }
            var received: [DecodedPass] = []
            let text = try decoder.decode(prompt, stop: stop) { received.append($0) }
            #expect(try text.tokens == plain.decode(prompt, stop: stop).tokens)
            // The first token belongs to the pass over the prompt.
            #expect(text.passes == Array(received.dropFirst()))
            // The head needs k positions: until then rounds yield one token each.
            let waiting = max(0, blockSize - length)
            #expect(text.passes.prefix(waiting).allSatisfy { $0.treeDepth == 0 && $0.tokens.count == 1 })
            #expect(text.passes.dropFirst(waiting).first?.treeDepth == tree.depth)
        }
    }

    @Test(arguments: [(1, FusionKind.linear, 1), (2, .lstm, 1), (3, .gated, 2)])
    func `A prompt of more than 2,048 tokens is decoded like a short one, up to the context's end`(
        _ blockSize: Int, _ fusion: FusionKind, _ layers: Int
    ) throws {
        let pool = ThreadPool(threadCount: 2)
        let models = try RandomModels(seed: 27, context: 2148, pool: pool)
        let head = try models.head(
            models.network(blockSize: blockSize, layers: layers, fusion: fusion, seed: 5), pool: pool)
        var random = RandomSource(seed: 28)
        let prompt = prompt(2100, &random)
        let stop = StopRule(endTokens: [], maximumTokens: 1000)
        let decoder = SpeculativeDecoder(
            target: models.target, head: head, tree: try TokenTree.select("large", blockSize: blockSize), pool: pool)
        let text = try decoder.decode(prompt, stop: stop)
        #expect(text.tokens.count == 48)
        #expect(try text.tokens == PlainDecoder(target: models.target, pool: pool).decode(prompt, stop: stop).tokens)
        // Near the context's end the tree is cut to the tokens that still fit.
        #expect(text.passes.allSatisfy { $0.treeDepth <= 2148 - 2100 - 1 })
        #expect(text.passes.last.map { $0.treeDepth < 6 } == true)
    }

    /// Figures that follow from each other.
    private func expectConsistent(_ text: DecodedText) {
        let statistics = text.statistics
        #expect(statistics.generatedTokens == text.tokens.count)
        #expect(statistics.targetPasses == text.acceptLengths.count)
        #expect(statistics.acceptedDraftTokens == text.acceptLengths.reduce(0, +))
        #expect(statistics.histogram.reduce(0, +) == statistics.targetPasses)
        // Each pass yields its accepted tokens and one of the target's own, but for a pass that ends the text.
        let yielded = 1 + statistics.acceptedDraftTokens + statistics.targetPasses
        #expect(text.tokens.isEmpty || yielded - text.tokens.count == 0 || yielded - text.tokens.count == 1)
    }
}
