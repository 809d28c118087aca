import FalconModels
import FalconTensor
import Testing

@testable import FalconDecoding

/// A text is the same bits alone and in any company.
@Suite struct DecodingEngineTests {
    /// A prompt with what is asked of it, and when it arrives.
    private struct Arrival {
        let request: DecodingEngine.Request
        let pass: Int
    }

    private func arrivals(_ random: inout RandomSource, count: Int) -> [Arrival] {
        (0..<count).map { number in
            let prompt = (0...random.below(40)).map { _ in Int32(random.below(RandomModels.vocabulary)) }
            let sampling =
                random.below(3) == 0
                ? SamplingRule(temperature: 0.8, topK: random.below(2) * 20, topP: 0.95, seed: 5) : .greedy
            let stop = StopRule(endTokens: [47], maximumTokens: random.below(24))
            return Arrival(
                request: .init(
                    prompt: prompt, stop: stop, sampling: sampling, stream: random.below(2) == 0 ? nil : "row \(number)"
                ),
                pass: random.below(30))
        }
    }

    /// Decodes texts that arrive one after the other.
    private func decode(
        _ arrivals: [Arrival], on engine: DecodingEngine
    ) throws -> [(text: DecodedText, received: [Int32], features: Tensor?)] {
        var owners: [DecodingEngine.TextID: Int] = [:]
        var results = [(text: DecodedText, received: [Int32], features: Tensor?)?](
            repeating: nil, count: arrivals.count)
        var received = [[Int32]](repeating: [], count: arrivals.count)
        for pass in 0... {
            for (number, arrival) in arrivals.enumerated() where arrival.pass == pass {
                owners[try engine.submit(arrival.request)] = number
            }
            guard pass < 30 || !engine.isIdle else { break }
            let finished = try engine.pass { id, pass in
                if let owner = owners[id] { received[owner] += pass.tokens }
            }
            for text in finished {
                guard let owner = owners[text.id] else { continue }
                results[owner] = (text.text, received[owner], text.features)
            }
        }
        return results.compactMap { $0 }
    }

    @Test(arguments: [ProductArithmetic.float32, .bfloat16, .int8], [1, 2])
    func `tokens and features do not depend on the company`(arithmetic: ProductArithmetic, threads: Int) throws {
        let pool = ThreadPool(threadCount: threads)
        var random = RandomSource(seed: 180)
        for round in 0..<3 {
            let models = try RandomModels(seed: UInt64(181 + round), arithmetic: arithmetic, pool: pool)
            let arrivals = arrivals(&random, count: 9)
            let alone = try arrivals.map { arrival in
                try DecodingEngine(target: models.target, options: .init(maximumTexts: 1), pool: pool)
                    .decode(arrival.request) { _ in }
            }
            for (limit, rows) in [(1, 512), (2, 3), (4, 17), (9, 64)] {
                let engine = DecodingEngine(
                    target: models.target,
                    options: .init(maximumTexts: limit, passRows: rows, keepsFeatures: true), pool: pool)
                let together = try decode(arrivals, on: engine)
                #expect(together.count == arrivals.count)
                for (index, text) in together.enumerated() {
                    #expect(text.text.tokens == alone[index].tokens, "\(limit) texts, \(rows) rows")
                    #expect(text.received == alone[index].tokens)
                    guard !text.text.tokens.isEmpty else { continue }
                    let sequence = arrivals[index].request.prompt + text.text.tokens
                    let whole = SequenceFeatures(models.target).features(of: sequence, on: pool)
                    #expect(text.features?.shape == whole.shape && text.features?.scalars == whole.scalars)
                }
            }
        }
    }

    @Test func `greedy texts with trees of a head are plain decoding's, in company as well`() throws {
        let pool = ThreadPool(threadCount: 2)
        var random = RandomSource(seed: 190)
        for round in 0..<4 {
            let models = try RandomModels(seed: UInt64(191 + round), pool: pool)
            let arrivals = arrivals(&random, count: 7)
            let head = try models.head(
                models.network(
                    blockSize: 1 + round % 3, layers: 1 + round % 2, fusion: round < 2 ? .gated : .lstm,
                    seed: UInt64(195 + round)), pool: pool)
            let tree = try TokenTree(
                name: "random", blockSize: head.blockSize,
                paths: randomPaths(&random, nodes: 3 + random.below(12)))
            func engine(_ limit: Int) -> DecodingEngine {
                DecodingEngine(
                    target: models.target, head: head, shape: .fixed(tree),
                    options: .init(maximumTexts: limit, passRows: 24, keepsFeatures: true), pool: pool)
            }
            let together = try decode(arrivals, on: engine(7))
            for (arrival, text) in zip(arrivals, together) {
                let alone = try engine(1).decode(arrival.request) { _ in }
                #expect(text.text.tokens == alone.tokens)
                #expect(text.text.acceptLengths == alone.acceptLengths)
                let sequence = arrival.request.prompt + text.text.tokens
                if !text.text.tokens.isEmpty {
                    let whole = SequenceFeatures(models.target).features(of: sequence, on: pool)
                    #expect(text.features?.scalars == whole.scalars)
                }
                guard arrival.request.sampling.isGreedy else { continue }
                let plain = try PlainDecoder(target: models.target, pool: pool)
                    .decode(arrival.request.prompt, stop: arrival.request.stop)
                #expect(text.text.tokens == plain.tokens)
            }
        }
    }

    @Test func `cancelled texts are told of no more, and the others go on as if they had been alone`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 200, pool: pool)
        let engine = DecodingEngine(target: models.target, options: .init(maximumTexts: 2), pool: pool)
        let stop = StopRule(endTokens: [], maximumTokens: 12)
        let ids = try (0..<4).map { try engine.submit(.init(prompt: [Int32($0), 3], stop: stop)) }
        for _ in 0..<3 { #expect(try engine.pass { _, _ in }.isEmpty) }
        engine.cancel(ids[0])
        engine.cancel(ids[3])
        #expect(engine.inFlight == 2)
        var finished: [DecodingEngine.TextID: [Int32]] = [:]
        while !engine.isIdle {
            for text in try engine.pass(receive: { id, _ in #expect(id == ids[1] || id == ids[2]) }) {
                finished[text.id] = text.text.tokens
            }
        }
        for (number, id) in ids.enumerated() {
            let plain = try PlainDecoder(target: models.target, pool: pool).decode([Int32(number), 3], stop: stop)
            #expect(finished[id] == (number == 0 || number == 3 ? nil : plain.tokens))
        }
    }

    @Test func `a prompt that does not fit is refused before it waits`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 201, pool: pool)
        let engine = DecodingEngine(target: models.target, options: .init(maximumTexts: 2), pool: pool)
        let stop = StopRule(endTokens: [], maximumTokens: 12)
        #expect(throws: DecodingError.emptyPrompt) { try engine.submit(.init(prompt: [], stop: stop)) }
        let long = [Int32](repeating: 1, count: models.target.configuration.positionLimit)
        #expect(throws: DecodingError.self) { try engine.submit(.init(prompt: long, stop: stop)) }
        #expect(engine.isIdle)
    }
}
