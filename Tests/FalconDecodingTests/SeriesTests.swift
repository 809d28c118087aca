import FalconModels
import FalconTensor
import Testing

@testable import FalconDecoding

/// What is kept of texts that ended: what others share, and what a dialogue's own next turn needs. Nothing else.
@Suite struct SeriesTests {
    /// A dialogue: each prompt goes on behind the answer before it.
    private struct Turns: DecodingTask {
        var prompt: [Int32]
        let count: Int
        /// The turns after which it ends though another was announced.
        var breaksOff = Int.max
        private(set) var answers: [[Int32]] = []

        init(_ prompt: [Int32], count: Int, breaksOff: Int = .max) {
            (self.prompt, self.count, self.breaksOff) = (prompt, count, breaksOff)
        }

        mutating func next() -> DecodingStep<[[Int32]]> {
            guard answers.count < min(count, breaksOff) else { return .done(answers) }
            var request = DecodingEngine.Request(
                prompt: prompt, stop: StopRule(endTokens: [47], maximumTokens: 30 + prompt.count % 40))
            request.isContinued = answers.count + 1 < count
            return .decode(request)
        }

        mutating func take(_ text: DecodingEngine.FinishedText?) {
            guard let text else { return }
            answers.append(text.text.tokens)
            prompt += text.text.tokens + [5, 6, 7]
        }
    }

    private func prompts(_ count: Int, after system: [Int32], _ random: inout RandomSource) -> [[Int32]] {
        // The first token tells them apart, so that none begins as another does beyond the system message.
        (0..<count).map { number in
            system + [Int32(number % 40), Int32(number / 40)]
                + (0..<random.below(100)).map { _ in Int32(random.below(RandomModels.vocabulary)) }
        }
    }

    @Test(arguments: [false, true], [0, 150])
    func `bytes held are those of dialogues under way and of what is shared`(
        _ keepsFeatures: Bool, _ systemLength: Int
    ) throws {
        let pool = ThreadPool(threadCount: 2)
        var random = RandomSource(seed: 800)
        let models = try RandomModels(seed: 801, pool: pool)
        let system = (0..<systemLength).map { _ in Int32(random.below(RandomModels.vocabulary)) }
        let (limit, batch) = (1 << 26, 3)
        let engine = DecodingEngine(
            target: models.target,
            options: .init(maximumTexts: batch, passRows: 40, cacheBytes: limit, keepsFeatures: keepsFeatures),
            pool: pool)
        let tasks = DecodingTasks<Turns>(engine, limit: batch)
        var waiting = prompts(20, after: system, &random)[...]
        let plain = PlainDecoder(target: models.target, pool: pool)
        var (begun, most) = ([[Int32]](), 0)
        while !waiting.isEmpty || !tasks.isIdle {
            while !tasks.isFull, let prompt = waiting.popFirst() {
                let count = 1 + begun.count % 4
                try tasks.add(Turns(prompt, count: count, breaksOff: count > 2 ? count - 1 : .max), key: begun.count)
                begun.append(prompt)
            }
            for (key, answers) in try tasks.pass() {
                var task = Turns(begun[key], count: answers.count)
                while case .decode(let request) = task.next() {
                    let text = try plain.decode(request.prompt, stop: request.stop)
                    task.take(.init(id: .init(number: 0), text: text, features: nil))
                }
                #expect(task.answers == answers)
            }
            most = max(most, engine.sharedPages.count)
            // A dialogue leaves 7 pages at most here: 252 + 3 * 70 tokens.
            #expect(engine.sharedPages.count <= 7 * batch + systemLength / 64)
        }
        #expect(most > systemLength / 64)
        #expect(engine.sharedPages.count == systemLength / 64)
        #expect(engine.heldBytes == engine.sharedPages.bytes)
        engine.forgetBeginnings()
        #expect(engine.heldBytes == 0)
    }

    @Test func `a turn goes on behind the one before, and nobody else finds it`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 810, pool: pool)
        let engine = DecodingEngine(
            target: models.target, options: .init(maximumTexts: 1, passRows: 8, cacheBytes: 1 << 24), pool: pool)
        func passes(_ prompt: [Int32], series: Int?, isContinued: Bool) throws -> Int {
            var request = DecodingEngine.Request(prompt: prompt, stop: StopRule(endTokens: [], maximumTokens: 1))
            (request.series, request.isContinued) = (series, isContinued)
            _ = try engine.submit(request)
            var count = 0
            while !engine.isIdle {
                _ = try engine.pass { _, _ in }
                count += 1
            }
            return count
        }
        let prompt = (0..<130).map { Int32($0 % 41) }
        #expect(try passes(prompt, series: 1, isContinued: true) == 17)
        #expect(engine.sharedPages.count == 2)
        #expect(try passes(prompt + prompt, series: 1, isContinued: true) == 17)
        #expect(engine.sharedPages.count == 4)
        // Its last turn needs the pages, and leaves none.
        #expect(try passes(prompt + prompt + [1, 2], series: 1, isContinued: false) == 1)
        #expect(engine.sharedPages.count == 0)
        // Another that begins the same makes it shared, as does one without a series.
        #expect(try passes(prompt, series: 2, isContinued: false) == 17)
        #expect(engine.sharedPages.count == 2)
        #expect(try passes(prompt, series: nil, isContinued: false) == 1)
        engine.endSeries(1)
        engine.endSeries(2)
        #expect(engine.sharedPages.count == 2)
        // One that leaves its path keeps only what it needs now.
        engine.forgetBeginnings()
        #expect(try passes(prompt, series: 3, isContinued: true) == 17)
        #expect(try passes(Array(prompt.prefix(70)) + prompt, series: 3, isContinued: true) > 1)
        #expect(engine.sharedPages.count == 3)
        engine.endSeries(3)
        #expect(engine.sharedPages.count == 0)
    }

    @Test(arguments: [0, 100_000, 1 << 24])
    func `beginnings that nobody met again take nothing, and shared ones what the limit allows`(_ limit: Int) throws {
        let pool = ThreadPool(threadCount: 2)
        var random = RandomSource(seed: 820)
        let models = try RandomModels(seed: 821, pool: pool)
        let engine = DecodingEngine(
            target: models.target, options: .init(maximumTexts: 4, cacheBytes: limit), pool: pool)
        let prompts = prompts(60, after: [], &random).map { $0 + $0 + $0 }
        func decode() throws {
            for prompt in prompts {
                var request = DecodingEngine.Request(
                    prompt: prompt, stop: StopRule(endTokens: [], maximumTokens: 1))
                request.isContinued = false
                _ = try engine.submit(request)
            }
            while !engine.isIdle {
                _ = try engine.pass { _, _ in }
                #expect(engine.sharedPages.bytes <= limit)
            }
        }
        try decode()
        #expect(engine.sharedPages == (0, 0))
        try decode()
        let all = prompts.reduce(0) { $0 + $1.count / 64 }
        #expect(limit < 1 << 24 ? engine.sharedPages.count < all : engine.sharedPages.count == all)
        #expect((engine.sharedPages.count > 0) == (limit > 0) && engine.heldBytes == engine.sharedPages.bytes)
    }
}
