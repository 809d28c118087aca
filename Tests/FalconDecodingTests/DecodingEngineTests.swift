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

    @Test(arguments: [false, true], [nil, 60_000, 20_000_000])
    func `texts that begin the same share what is known, to the same bits`(drafts: Bool, bytes: Int?) throws {
        let pool = ThreadPool(threadCount: 2)
        var random = RandomSource(seed: 210)
        let models = try RandomModels(seed: 211, pool: pool)
        let head = drafts ? try models.head(models.network(blockSize: 2, fusion: .lstm, seed: 212), pool: pool) : nil
        let tree = try TokenTree(name: "random", blockSize: 2, paths: randomPaths(&random, nodes: 9))
        func engine(_ limit: Int, _ bytes: Int?, keepsFeatures: Bool) -> DecodingEngine {
            DecodingEngine(
                target: models.target, head: head, shape: drafts ? .fixed(tree) : nil,
                options: .init(maximumTexts: limit, passRows: 32, cacheBytes: bytes, keepsFeatures: keepsFeatures),
                pool: pool)
        }
        let system = (0..<150).map { _ in Int32(random.below(RandomModels.vocabulary)) }
        for keepsFeatures in [true, false] {
            let shared = engine(3, bytes, keepsFeatures: keepsFeatures)
            var wanted = (0..<8).map { number in
                let own = (0..<random.below(60)).map { _ in Int32(random.below(RandomModels.vocabulary)) }
                return DecodingEngine.Request(
                    prompt: Array(system.prefix(random.below(3) == 0 ? 64 + random.below(80) : 150)) + own,
                    stop: StopRule(endTokens: [47], maximumTokens: 1 + random.below(70)), stream: "\(number)")
            }
            // Two rounds: the second goes on behind the answers of the first, as the turns of a dialogue do.
            for _ in 0..<2 {
                let together = try decode(wanted.map { Arrival(request: $0, pass: random.below(20)) }, on: shared)
                for (number, text) in together.enumerated() {
                    let alone = try engine(1, nil, keepsFeatures: false).decode(wanted[number]) { _ in }
                    #expect(text.text.tokens == alone.tokens)
                    let sequence = wanted[number].prompt + alone.tokens
                    if keepsFeatures {
                        let whole = SequenceFeatures(models.target).features(of: sequence, on: pool)
                        #expect(text.features?.scalars == whole.scalars)
                    }
                    wanted[number].prompt = sequence + [5, 6, 7]
                }
                #expect(shared.sharedPages.bytes <= bytes ?? 0)
            }
            if bytes == 20_000_000 { #expect(shared.sharedPages.count > 8) }
            shared.forgetBeginnings()
            #expect(shared.sharedPages == (0, 0))
        }
    }

    @Test func `a known beginning is not sent through the target again`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 220, pool: pool)
        let engine = DecodingEngine(
            target: models.target, options: .init(maximumTexts: 1, passRows: 8, cacheBytes: 1 << 24), pool: pool)
        let request = DecodingEngine.Request(
            prompt: (0..<131).map { Int32($0 % 40) }, stop: StopRule(endTokens: [], maximumTokens: 1))
        func passes() throws -> Int {
            _ = try engine.submit(request)
            var count = 0
            while !engine.isIdle {
                _ = try engine.pass { _, _ in }
                count += 1
            }
            return count
        }
        #expect(try passes() == 17)
        #expect(try passes() == 1)
        #expect(engine.sharedPages.count == 2)
    }

    @Test func `a beginning that nobody continues is kept when it is met again`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 221, pool: pool)
        let engine = DecodingEngine(
            target: models.target, options: .init(maximumTexts: 1, passRows: 512, cacheBytes: 1 << 24), pool: pool)
        func decode(_ prompt: [Int32], isContinued: Bool) throws -> [Int32] {
            var request = DecodingEngine.Request(
                prompt: prompt, stop: StopRule(endTokens: [], maximumTokens: 70))
            request.isContinued = isContinued
            let tokens = try engine.decode(request) { _ in }.tokens
            let alone = try PlainDecoder(target: models.target, pool: pool).decode(prompt, stop: request.stop)
            #expect(tokens == alone.tokens)
            return tokens
        }
        let system = (0..<130).map { Int32($0 * 7 % 41) }
        _ = try decode(system + [1, 2], isContinued: false)
        #expect(engine.sharedPages == (0, 0))
        _ = try decode(system + [3], isContinued: false)
        #expect(engine.sharedPages.count == 2)
        // Not of an answer that was met once.
        _ = try decode(system + [3], isContinued: false)
        #expect(engine.sharedPages.count == 2)
        let answer = try decode(system + [4, 5], isContinued: true)
        #expect(engine.sharedPages.count == 3)
        _ = try decode(system + [4, 5] + answer + [6], isContinued: false)
        #expect(engine.sharedPages.count == 3)
        engine.forgetBeginnings()
        #expect(engine.sharedPages == (0, 0))
    }

    @Test func `a planned head gives greedy texts of plain decoding in company`() throws {
        let pool = ThreadPool(threadCount: 2)
        var random = RandomSource(seed: 230)
        let models = try RandomModels(seed: 231, pool: pool)
        let head = try models.head(models.network(blockSize: 2, fusion: .gated, seed: 232), pool: pool)
        let planner = TreePlanner(blockSize: 2)
        let arrivals = arrivals(&random, count: 8).map { arrival in
            var request = arrival.request
            request.sampling = .greedy
            return Arrival(request: request, pass: arrival.pass)
        }
        try SpeculativeDecoder(target: models.target, head: head, shape: .planned(planner), pool: pool)
            .calibrate(arrivals.map(\.request.prompt), stop: StopRule(endTokens: [], maximumTokens: 30), seconds: 0.2)
        let engine = DecodingEngine(
            target: models.target, head: head, shape: .planned(planner), options: .init(maximumTexts: 5), pool: pool)
        for (arrival, text) in zip(arrivals, try decode(arrivals, on: engine)) {
            let plain = try PlainDecoder(target: models.target, pool: pool)
                .decode(arrival.request.prompt, stop: arrival.request.stop)
            #expect(text.text.tokens == plain.tokens)
        }
    }
}
