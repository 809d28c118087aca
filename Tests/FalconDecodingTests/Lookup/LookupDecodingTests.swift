import FalconDraft
import FalconModels
import FalconTensor
import Testing

@testable import FalconDecoding

/// Drafting from the text itself keeps the promise: the tokens of plain decoding, greedy or drawn.
@Suite struct LookupDecodingTests {
    static let kinds: [LookupPlanner.Kind] = [.auto, .chain(1), .chain(9)]

    private func prompt(_ random: inout RandomSource) -> [Int32] {
        let part = (0..<1 + random.below(12)).map { _ in Int32(random.below(RandomModels.vocabulary)) }
        // Texts that repeat, and texts that do not.
        return random.below(2) == 0 ? part : part + part + part.prefix(random.below(part.count + 1))
    }

    @Test(arguments: kinds, [ProductArithmetic.float32, .int8])
    func `texts are plain decoding's, greedy or drawn`(
        _ kind: LookupPlanner.Kind, _ arithmetic: ProductArithmetic
    ) throws {
        var (accepted, random) = (0, RandomSource(seed: 700))
        for round in 0..<2 {
            let pool = ThreadPool(threadCount: 1 + round)
            let models = try RandomModels(seed: UInt64(701 + round), arithmetic: arithmetic, pool: pool)
            let planner = LookupPlanner(kind: kind)
            for number in 0..<4 {
                let sampling =
                    number < 2 ? SamplingRule.greedy : SamplingRule(temperature: 4, topK: 4, topP: 0.9, seed: 3)
                let decoder = LookupDecoder(target: models.target, planner: planner, sampling: sampling, pool: pool)
                let plain = PlainDecoder(target: models.target, sampling: sampling, pool: pool)
                if number == 1 {
                    try decoder.calibrate([[1, 2, 3], [4]], stop: .init(endTokens: [], maximumTokens: 20), seconds: 0)
                }
                let prompt = prompt(&random)
                let stop = StopRule(endTokens: [47], maximumTokens: 32)
                var streamed: [Int32] = []
                let text = try decoder.decode(prompt, stop: stop) { streamed += $0.tokens }
                #expect(try text.tokens == plain.decode(prompt, stop: stop).tokens && streamed == text.tokens)
                let statistics = text.statistics
                #expect(statistics.draftPasses == 0 && statistics.generatedTokens == text.tokens.count)
                #expect(statistics.acceptedLookupTokens == statistics.acceptedDraftTokens)
                #expect(statistics.acceptedLookupTokens <= statistics.lookupTokens)
                if case .chain(let depth) = kind { #expect(text.passes.allSatisfy { $0.treeDepth <= depth }) }
                accepted += statistics.acceptedLookupTokens
            }
        }
        #expect(accepted > 5)
    }

    @Test(arguments: kinds)
    func `end tokens within drafts, limits, and contexts that fill up end texts where they should`(
        _ kind: LookupPlanner.Kind
    ) throws {
        let pool = ThreadPool(threadCount: 1)
        let context = 48
        let models = try RandomModels(seed: 720, context: context, favoured: 3, pool: pool)
        let plain = PlainDecoder(target: models.target, pool: pool)
        let decoder = LookupDecoder(target: models.target, planner: LookupPlanner(kind: kind), pool: pool)
        let endless = StopRule(endTokens: [], maximumTokens: 1000)
        var accepted = 0
        for length in [1, 2, 7, context - 2, context - 1] {
            let prompt = (0..<length).map { Int32($0 % 3) }
            let free = try plain.decode(prompt, stop: endless).tokens
            let text = try decoder.decode(prompt, stop: endless)
            #expect(text.tokens == free && free.count == context - length)
            accepted += text.statistics.acceptedLookupTokens
            for end in Set(free.prefix(12)) {
                let cut = try decoder.decode(prompt, stop: StopRule(endTokens: [end], maximumTokens: 1000))
                #expect(cut.tokens == Array(free.prefix((free.firstIndex(of: end) ?? 0) + 1)))
                #expect(cut.statistics.generatedTokens == cut.tokens.count)
            }
            for limit in 0...min(6, free.count) {
                let stop = StopRule(endTokens: [], maximumTokens: limit)
                #expect(try decoder.decode(prompt, stop: stop).tokens == Array(free.prefix(limit)))
            }
        }
        #expect(accepted > 10)
    }

    @Test(arguments: [1, 3, 7])
    func `in company texts are what they are alone, with a head and without`(_ limit: Int) throws {
        let pool = ThreadPool(threadCount: 2)
        var random = RandomSource(seed: 730)
        let models = try RandomModels(seed: 731, pool: pool)
        let head = try models.head(models.network(blockSize: 2, fusion: .lstm, seed: 732), pool: pool)
        let tree = try TokenTree.select("small", blockSize: 2)
        let requests = (0..<9).map { number in
            var request = DecodingEngine.Request(
                prompt: prompt(&random), stop: StopRule(endTokens: [47], maximumTokens: 3 + random.below(40)))
            if number % 3 == 2 { request.sampling = SamplingRule(temperature: 4, topK: 5, seed: 9) }
            return request
        }
        for (head, shape) in [(nil, nil), (head, DraftShape.fixed(tree))] {
            func engine(_ texts: Int) -> DecodingEngine {
                DecodingEngine(
                    target: models.target, head: head, shape: shape, lookup: LookupPlanner(),
                    options: .init(maximumTexts: texts, passRows: 16, cacheBytes: 1 << 22, keepsFeatures: texts == 3),
                    pool: pool)
            }
            let together = engine(limit)
            var owners: [DecodingEngine.TextID: Int] = [:]
            for (number, request) in requests.enumerated() { owners[try together.submit(request)] = number }
            var accepted = 0
            while !together.isIdle {
                for text in try together.pass(receive: { _, _ in }) {
                    let request = requests[try #require(owners[text.id])]
                    #expect(try text.text.tokens == engine(1).decode(request) { _ in }.tokens)
                    accepted += text.text.statistics.acceptedLookupTokens
                    if request.sampling.isGreedy || head == nil {
                        let plain = PlainDecoder(target: models.target, sampling: request.sampling, pool: pool)
                        #expect(try text.text.tokens == plain.decode(request.prompt, stop: request.stop).tokens)
                    }
                    if limit == 3, !text.text.tokens.isEmpty {
                        let whole = SequenceFeatures(models.target).features(
                            of: request.prompt + text.text.tokens, on: pool)
                        #expect(text.features?.scalars == whole.scalars)
                    }
                }
            }
            #expect(accepted > 10)
        }
    }

    @Test(arguments: ["small", "chain:3", "auto", "dynamic", "dynamic:6"])
    func `a head's trees with nodes of the text itself keep greedy output`(_ name: String) throws {
        let pool = ThreadPool(threadCount: 1)
        var (accepted, random) = (0, RandomSource(seed: 740))
        for blockSize in 1...3 {
            let models = try RandomModels(seed: UInt64(741 + blockSize), favoured: 3, pool: pool)
            let head = try models.head(models.network(blockSize: blockSize, fusion: .gated, seed: 5), pool: pool)
            let decoder = SpeculativeDecoder(
                target: models.target, head: head, shape: try .select(name, blockSize: blockSize), addsLookup: true,
                pool: pool)
            let plain = PlainDecoder(target: models.target, pool: pool)
            let stop = StopRule(endTokens: [47], maximumTokens: 40)
            try decoder.calibrate([[3, 1, 4], [1, 5]], stop: stop, seconds: 0.02)
            for _ in 0..<4 {
                let prompt = prompt(&random)
                let text = try decoder.decode(prompt, stop: stop)
                #expect(try text.tokens == plain.decode(prompt, stop: stop).tokens)
                #expect(text.statistics.generatedTokens == text.tokens.count)
                accepted += text.statistics.acceptedLookupTokens
            }
        }
        #expect(accepted > 3)
    }

    @Test func `a text without repeats costs hardly more than plain passes once that is seen`() {
        var statistics = LookupStatistics()
        let planner = LookupPlanner()
        var index = NGramIndex()
        var random = RandomSource(seed: 750)
        var rounds = (cost: 0.0, all: 0)
        for place in 0..<2000 {
            let candidates = index.candidates()
            var tree = LookupTree(index, deepest: 30, limit: 31, floor: 0.01) {
                statistics.share($0, prior: .measured)
            }
            tree.prune { 1.1 * planner.prices(texts: 1, isFixed: true)[min($0, 32)] }
            let cost = planner.prices(texts: 1, isFixed: true)[tree.added.count + 1]
            if place >= 1000 { rounds = (rounds.cost + cost, rounds.all + 1) }
            let token = Int32(random.below(60))
            statistics.record(candidates, next: token)
            index.append(token)
        }
        #expect(0.97 * rounds.cost < Double(rounds.all), "\(rounds)")
    }

    @Test(arguments: ["auto", "chain:1", "chain:31"])
    func `what tree names mean without a head`(_ name: String) { #expect(LookupPlanner.select(name) != nil) }

    @Test(arguments: ["medium", "dynamic", "dynamic:4", "chain:0", "chain:32", "chain:x", "tree.toml", ""])
    func `what trees of heads mean nothing`(_ name: String) { #expect(LookupPlanner.select(name) == nil) }
}
