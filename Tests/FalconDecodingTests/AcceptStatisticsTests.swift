import Testing

@testable import FalconDecoding

@Suite struct AcceptStatisticsTests {
    @Test func `Figures follow the stated formulas`() {
        var statistics = AcceptStatistics()
        statistics.recordPrompt()
        statistics.recordPass(accepted: 3, generated: 4, draftPasses: 2)
        statistics.recordPass(accepted: 0, generated: 1, draftPasses: 2)
        statistics.recordPass(accepted: 1, generated: 2, draftPasses: 2)
        // The text ends with an accepted token: the target's own one behind it is not counted.
        statistics.recordPass(accepted: 2, generated: 2, draftPasses: 1)
        #expect(statistics.targetPasses == 4 && statistics.draftPasses == 7)
        #expect(statistics.generatedTokens == 10 && statistics.acceptedDraftTokens == 6)
        #expect(statistics.histogram == [1, 1, 1, 1])
        #expect(statistics.acceptLength == 1.5 && statistics.tokensPerPass == 2.5)
        #expect(statistics.acceptanceRate == 0.6)
        let byDepth: [Double] = [0.75, 2.0 / 3, 0.5]
        #expect(statistics.acceptanceByDepth == byDepth)
    }

    @Test func `Pooling equals counting in one`() {
        var (first, second, both) = (AcceptStatistics(), AcceptStatistics(), AcceptStatistics())
        for (accepted, draftPasses) in [(0, 1), (4, 3), (1, 1)] {
            first.recordPass(accepted: accepted, generated: accepted + 1, draftPasses: draftPasses)
            both.recordPass(accepted: accepted, generated: accepted + 1, draftPasses: draftPasses)
        }
        second.recordPrompt()
        both.recordPrompt()
        second.recordPass(accepted: 2, generated: 3, draftPasses: 2)
        both.recordPass(accepted: 2, generated: 3, draftPasses: 2)
        second.add(first)
        #expect(second == both)
    }

    @Test func `Nothing counted gives zeros, not numbers that JSON cannot hold`() {
        let statistics = AcceptStatistics()
        #expect(statistics.acceptLength == 0 && statistics.acceptanceRate == 0 && statistics.acceptanceByDepth == [])
    }

    @Test func `A loop is found where a cycle covers enough of the text`() throws {
        let detector = LoopDetector()
        let text: [Int32] = (0..<30).map { Int32($0) }
        let cycle: [Int32] = [7, 8, 9, 10, 11]
        let looping = text + cycle + cycle + cycle + cycle
        let loop = try #require(detector.loop(in: looping))
        #expect(loop.range == 30..<50 && loop.period == 5)
        #expect(detector.loops([Int32](repeating: 3, count: 40)))
        #expect(!detector.loops(text))
        #expect(!detector.loops([]))
        // Too short, seen too rarely, or too small a share.
        #expect(!detector.loops([1, 2, 1, 2, 1, 2]))
        #expect(!detector.loops(text + text))
        #expect(!detector.loops((0..<200).map { Int32($0) } + cycle + cycle + cycle + cycle))
    }
}
