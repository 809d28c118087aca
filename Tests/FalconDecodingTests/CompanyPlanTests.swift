import FalconDraft
import FalconModels
import FalconTensor
import Testing

@testable import FalconDecoding

/// Trees that a planner chooses or that grow in each round, for texts in company, with the texts' own n-grams or
/// without: greedy output is plain decoding's, and what is drawn is what is drawn alone.
@Suite struct CompanyPlanTests {
    private struct Scene {
        let models: RandomModels
        let head: DraftHead
        let planner: TreePlanner
        let pool: ThreadPool

        init(_ kind: TreePlanner.Kind, blockSize: Int, threads: Int) throws {
            pool = ThreadPool(threadCount: threads)
            models = try RandomModels(seed: UInt64(900 + blockSize), favoured: 3, pool: pool)
            head = try models.head(
                models.network(
                    blockSize: blockSize, layers: 1 + blockSize % 2, fusion: blockSize == 2 ? .lstm : .gated, seed: 6),
                pool: pool)
            // Rows cost next to nothing and the head is taken for a good one, so that drafting pays in any company;
            // what texts teach then says otherwise.
            let truth = TreePlannerTests.Truth(
                blockSize: blockSize, pass: 0.01, row: 1e-6, draft: 0.0002, block: 1e-6, shares: [0.7, 0.1])
            planner = TreePlanner(blockSize: blockSize, kind: kind, statistics: truth.ranks(texts: 20, seed: 7))
            truth.calibrate(planner, seed: 8)
        }

        func engine(_ texts: Int, rows: Int, lookup: LookupPlanner?) -> DecodingEngine {
            DecodingEngine(
                target: models.target, head: head, shape: .planned(planner), lookup: lookup,
                options: .init(maximumTexts: texts, passRows: rows, cacheBytes: 1 << 20, keepsFeatures: rows < 100),
                pool: pool)
        }
    }

    private func requests(_ random: inout RandomSource) -> [DecodingEngine.Request] {
        (0..<9).map { number in
            let part = (0...random.below(12)).map { _ in Int32(random.below(RandomModels.vocabulary)) }
            var request = DecodingEngine.Request(
                prompt: number % 2 == 0 ? part : part + part + part,
                stop: StopRule(endTokens: [47], maximumTokens: 2 + random.below(40)), stream: "row \(number)")
            if number % 3 == 2 { request.sampling = SamplingRule(temperature: 4, topK: 5, seed: 9) }
            return request
        }
    }

    /// Decodes texts that arrive one after the other.
    private func decode(
        _ requests: [DecodingEngine.Request], arrivals: [Int], on engine: DecodingEngine
    ) throws -> [DecodedText] {
        var owners: [DecodingEngine.TextID: Int] = [:]
        var texts = [DecodedText?](repeating: nil, count: requests.count)
        for pass in 0... {
            for number in requests.indices where arrivals[number] == pass {
                owners[try engine.submit(requests[number])] = number
            }
            guard pass < 30 || !engine.isIdle else { break }
            for text in try engine.pass(receive: { _, _ in }) {
                if let owner = owners[text.id] { texts[owner] = text.text }
            }
        }
        return texts.compactMap(\.self)
    }

    static let kinds: [TreePlanner.Kind] = [.auto, .dynamic(nodes: nil), .dynamic(nodes: 6)]

    @Test(arguments: [1, 2, 3], kinds)
    func `Texts do not depend on the company`(_ blockSize: Int, _ kind: TreePlanner.Kind) throws {
        let scene = try Scene(kind, blockSize: blockSize, threads: 1 + blockSize % 2)
        var random = RandomSource(seed: UInt64(910 + blockSize))
        for usesLookup in [false, true] {
            let requests = requests(&random)
            func lookup() -> LookupPlanner? { usesLookup ? LookupPlanner(head: scene.planner) : nil }
            let alone = try requests.map {
                try scene.engine(1, rows: 512, lookup: lookup()).decode($0) { _ in }
            }
            var (drafted, copied) = (0, 0)
            for (texts, rows) in [(2, 512), (4, 24), (9, 60), (9, 1)] {
                let together = try decode(
                    requests, arrivals: requests.map { _ in random.below(20) },
                    on: scene.engine(texts, rows: rows, lookup: lookup()))
                #expect(together.count == requests.count)
                for (number, text) in together.enumerated() {
                    #expect(text.tokens == alone[number].tokens, "\(texts) texts, \(rows) rows, text \(number)")
                    #expect(text.statistics.generatedTokens == text.tokens.count)
                    drafted += text.statistics.draftPasses
                    copied += text.statistics.acceptedLookupTokens
                    guard requests[number].sampling.isGreedy else { continue }
                    let plain = try PlainDecoder(target: scene.models.target, pool: scene.pool)
                        .decode(requests[number].prompt, stop: requests[number].stop)
                    #expect(text.tokens == plain.tokens)
                }
            }
            #expect(drafted > 0)
            #expect(usesLookup ? copied > 0 : copied == 0)
        }
    }

    @Test(arguments: kinds) func `Trees of texts in company are those of each alone`(_ kind: TreePlanner.Kind) throws {
        // Drawn texts keep their plan, so that rounds can be compared one by one.
        let scene = try Scene(kind, blockSize: 2, threads: 2)
        let requests = (0..<7).map { number in
            DecodingEngine.Request(
                prompt: (0...Int32(3 * number)).map { ($0 * 5 + Int32(number)) % 48 },
                stop: StopRule(endTokens: [47], maximumTokens: 12 + number),
                sampling: SamplingRule(temperature: 3, topK: 6, seed: 4), stream: "row \(number)")
        }
        let alone = try requests.map { try scene.engine(1, rows: 512, lookup: nil).decode($0) { _ in } }
        for rows in [512, 30] {
            let together = try decode(
                requests, arrivals: requests.map { _ in 0 }, on: scene.engine(5, rows: rows, lookup: nil))
            for (own, other) in zip(alone, together) {
                #expect(own.tokens == other.tokens && own.passes == other.passes && own.ranks == other.ranks)
                #expect(own.statistics == other.statistics)
            }
        }
        #expect(alone.contains { $0.statistics.acceptedDraftTokens > 0 })
    }

    @Test func `Texts in company teach the planner the head's ranks, not what rounds take`() throws {
        let scene = try Scene(.auto, blockSize: 1, threads: 1)
        let (costs, drawn) = (scene.planner.costs, scene.planner.forDrawing.plan.tree)
        let request = DecodingEngine.Request(prompt: [3, 1, 4], stop: StopRule(endTokens: [], maximumTokens: 200))
        let texts = try decode(
            [request, request, request], arrivals: [0, 0, 0], on: scene.engine(3, rows: 512, lookup: nil))
        #expect(texts.allSatisfy { $0.ranks.tokens(depth: 1) > 0 })
        #expect(scene.planner.costs.plainRound == costs.plainRound)
        #expect(scene.planner.forDrawing.plan.tree == drawn)
        #expect(scene.planner.prediction(prefillSeconds: 1, generatedTokens: 1) == nil)
    }
}
