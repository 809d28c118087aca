import FalconDraft
import FalconModels
import FalconTensor
import Foundation
import Testing

@testable import FalconDecoding

/// Trees that are chosen by the machine or grown in each round keep the promise too.
@Suite struct PlannedDecodingTests {
    /// A clock by which drafting always pays or never does, and that differs from run to run.
    private static func clock(draftingPays: Bool) -> SecondsClock {
        let ticks = Mutex(UInt64(0))
        return { ticks.next(draftingPays ? 7 : 1_000_003) }
    }

    /// Time that goes on by a made-up amount with each look at it.
    private final class Mutex: @unchecked Sendable {
        private let lock = NSLock()
        private var time: UInt64
        init(_ time: UInt64) { self.time = time }
        func next(_ step: UInt64) -> Double {
            lock.withLock {
                time += 1 + time.multipliedReportingOverflow(by: 2_654_435_761).partialValue % step
                return Double(time) * 1e-6
            }
        }
    }

    static let kinds: [TreePlanner.Kind] = [.auto, .dynamic(nodes: nil), .dynamic(nodes: 1), .dynamic(nodes: 24)]

    @Test(arguments: [1, 2, 3, 5], kinds)
    func `Greedy output is plain output, whatever was measured and planned`(
        _ blockSize: Int, _ kind: TreePlanner.Kind
    ) throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: UInt64(70 + blockSize), pool: pool)
        let head = try models.head(
            models.network(blockSize: blockSize, layers: blockSize % 2 + 1, fusion: .lstm, seed: 4), pool: pool)
        let stop = StopRule(endTokens: [47], maximumTokens: 40)
        let plain = PlainDecoder(target: models.target, pool: pool)
        let planner = TreePlanner(blockSize: blockSize, kind: kind)
        let decoder = SpeculativeDecoder(
            target: models.target, head: head, shape: .planned(planner), pool: pool,
            clock: PlannedDecodingTests.clock(draftingPays: true))
        let prompts: [[Int32]] = [[1, 2, 3], [9], [4, 4, 4, 4, 8, 15], [7, 1]]
        // Before anything is known it decodes plainly.
        #expect(try decoder.decode(prompts[0], stop: stop).tokens == plain.decode(prompts[0], stop: stop).tokens)
        try decoder.calibrate(prompts, stop: stop, seconds: 0.05)
        // Calibration texts are not predicted.
        #expect(planner.prediction(prefillSeconds: 1, generatedTokens: 1) == nil)
        var drafted = 0
        for prompt in prompts + prompts {
            let text = try decoder.decode(prompt, stop: stop)
            #expect(try text.tokens == plain.decode(prompt, stop: stop).tokens)
            #expect(text.statistics.generatedTokens == text.tokens.count)
            drafted += text.statistics.draftPasses
            if case .dynamic(let nodes?) = kind { #expect(text.passes.allSatisfy { $0.treeDepth <= nodes }) }
        }
        if case .dynamic(.some) = kind { #expect(drafted > 0) }
        let prediction = try #require(planner.prediction(prefillSeconds: 1, generatedTokens: 100))
        #expect(prediction.tokensPerSecond > 0 && prediction.acceptLength >= 0)
    }

    @Test func `The same prompt and seed draw the same tokens from a tree grown the same way`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 80, favoured: 4, pool: pool)
        let head = try models.head(models.network(blockSize: 2, fusion: .gated, seed: 4), pool: pool)
        let stop = StopRule(endTokens: [], maximumTokens: 3)
        let samples = 300
        var counts: [[Int32]: (plain: Int, grown: Int)] = [:]
        for seed in 0..<UInt64(samples) {
            let rule = SamplingRule(temperature: 6, topK: 3, seed: seed)
            let texts = try (0..<2).map { _ in
                let decoder = SpeculativeDecoder(
                    target: models.target, head: head,
                    shape: .planned(TreePlanner(blockSize: 2, kind: .dynamic(nodes: 9))), sampling: rule, pool: pool,
                    clock: PlannedDecodingTests.clock(draftingPays: true))
                try decoder.calibrate([[5, 5]], stop: stop, seconds: 0)
                return try decoder.decode([1, 2, 3], stop: stop).tokens
            }
            #expect(texts[0] == texts[1])
            counts[texts[0], default: (0, 0)].grown += 1
            let plain = PlainDecoder(target: models.target, sampling: rule, pool: pool)
            counts[try plain.decode([1, 2, 3], stop: stop).tokens, default: (0, 0)].plain += 1
        }
        let distance = counts.values.reduce(0) { $0 + Double(abs($1.plain - $1.grown)) } / Double(2 * samples)
        #expect(distance < 2 * (2 * 27 / (2 * Double.pi * Double(samples))).squareRoot())
    }

    @Test func `A tree grown in a round has the head's likeliest paths`() throws {
        // Rows of one block: the first is sure, the second is not. No second pass.
        let rows = [[0.9, 0.05, 0.03], [0.4, 0.35, 0.2]]
        let flat = CostCurve(
            target: [Double](repeating: 1, count: 65), firstPass: 0, laterPass: 100, block: 0, rest: 0, plainRest: 0)
        func tree(_ nodes: Int) -> GrowingTree.Result {
            DynamicTree(
                blockSize: 2, aim: .tokens(perSecond: 1), nodeLimit: nodes, passLimit: 3, cost: flat,
                estimate: RankEstimate(RankStatistics(), blockSize: 2, depth: 6), confidence: Confidence()
            ).draft(
                deepest: 6, rank: { _ in rows },
                choose: { wanted in
                    #expect(wanted.count == 2)
                    return [[10, 11, 12], [20, 21, 22]]
                })
        }
        let four = tree(4)
        #expect(four.tree.nodes.map(\.path) == [[0], [0, 0], [0, 1], [0, 2]] && four.tokens == [10, 20, 21, 22])
        #expect(abs(four.expectedAccepted - 0.9 * 1.95) < 1e-9)
        #expect(tree(1).tree.nodes.map(\.path) == [[0]])
        #expect(tree(6).tree.nodes.map(\.path) == [[0], [1], [2], [0, 0], [0, 1], [0, 2]])
    }
}
