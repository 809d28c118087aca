import FalconTensor
import Testing

@testable import FalconDecoding

/// The choice of trees, against brute force over all trees.
@Suite struct TreeGrowthTests {
    /// Costs in seconds; a target pass costs `row` more for each row.
    private func cost(row: Double, pass: Double, block: Double) -> CostCurve {
        CostCurve(
            target: [0] + (0..<64).map { 1 + row * Double($0) }, firstPass: 0.2, laterPass: pass, block: block,
            rest: 0.05, plainRest: 0.02)
    }

    /// Statistics of heads whose best two candidates are right so often, at any depth.
    private func statistics(_ first: Int, _ second: Int, depth: Int) -> RankStatistics {
        var statistics = RankStatistics()
        for text in 0..<2000 {
            // Every depth's rank is drawn afresh: chances are independent of the path.
            var random = RandomSource(seed: UInt64(text))
            statistics.record(
                (0..<depth).map { _ in
                    let draw = random.below(100)
                    return RankStatistics.Look(rank: draw < first ? 0 : draw < first + second ? 1 : nil)
                })
        }
        return statistics
    }

    @Test(arguments: [
        (1, 0.02, 0.3, 0.02), (1, 0.3, 0.1, 0.05), (2, 0.02, 0.3, 0.02), (2, 0.1, 0.1, 0.1), (2, 0.0, 0.0, 0.0),
        (2, 0.5, 0.5, 0.5), (3, 0.05, 0.2, 0.05),
    ])
    func `The planned tree has the most tokens a second of all trees of its size`(
        _ blockSize: Int, _ row: Double, _ pass: Double, _ block: Double
    ) throws {
        let cost = cost(row: row, pass: pass, block: block)
        let known = statistics(60, 25, depth: 12)
        let estimate = RankEstimate(known, blockSize: blockSize, depth: 12)
        func rate(_ tree: TokenTree) -> Double {
            var reach: [Double] = []
            var straight: [Bool] = []
            for node in tree.nodes {
                let (above, isStraight) = node.parent < 0 ? (1, true) : (reach[node.parent], straight[node.parent])
                reach.append(above * estimate.share(depth: node.depth, rank: node.rank, isStraight: isStraight))
                straight.append(isStraight && node.rank == 0)
            }
            return (1 + reach.reduce(0, +)) / cost.round(tree)
        }
        let planned = try #require(TreePlanner.bestTree(estimate, blockSize: blockSize, cost: cost))
        #expect(abs((1 + planned.acceptLength) / cost.round(planned.tree) - rate(planned.tree)) < 1e-9)
        // All trees of up to four depths and two ranks with at most seven nodes.
        var best = 0.0
        func extend(_ paths: [[Int]], from candidates: [[Int]]) throws {
            for (index, path) in candidates.enumerated() {
                var left = Array(candidates[(index + 1)...])
                if path.count < 4 { left.append(path + [0]) }
                if path[path.count - 1] == 0 { left.append(path.dropLast() + [1]) }
                let grown = paths + [path]
                best = max(best, rate(try TokenTree(name: "t", blockSize: blockSize, paths: grown)))
                if grown.count < 7 { try extend(grown, from: left) }
            }
        }
        try extend([], from: [[0]])
        #expect(rate(planned.tree) > 0.985 * best, "\(planned.tree.nodes.map(\.path))")
    }

    @Test func `Drafting is left out where it cannot pay, and chosen where it does`() {
        let known = statistics(60, 25, depth: 6)
        let planner = TreePlanner(blockSize: 2, statistics: known)
        func calibrate(_ planner: TreePlanner, verify: (Int) -> Double, draft: Double) {
            for rows in TreePlanner.calibrationRows {
                for _ in 0..<3 {
                    guard let tree = TreePlanner.calibrationTree(rows: rows, blockSize: 2) else {
                        planner.record(RoundTimes(rows: 1, verify: verify(1), total: verify(1)))
                        continue
                    }
                    let filled = TokenChoice.Draft(
                        tree: tree, tokens: Array(repeating: 0, count: tree.nodes.count),
                        passSeconds: [Double](repeating: draft, count: tree.passCount))
                    let total = verify(rows) + draft * Double(tree.passCount)
                    planner.record(RoundTimes(filled, extend: 0, verify: verify(rows), total: total))
                }
            }
            planner.endCalibration(seconds: 1)
        }
        calibrate(planner, verify: { 0.001 * Double($0) }, draft: 0.001)
        #expect(planner.plan.tree == nil && planner.plan.tokensPerSecond == planner.plan.plainTokensPerSecond)
        #expect(planner.summary().contains("cannot pay"))

        let other = TreePlanner(blockSize: 2, statistics: known)
        calibrate(other, verify: { 0.1 + 0.001 * Double($0) }, draft: 0.005)
        #expect(other.plan.tree != nil && other.plan.tokensPerSecond > 1.5 * other.plan.plainTokensPerSecond)
        #expect(abs(other.plan.plainTokensPerSecond - 1 / 0.101) < 0.01)
    }

    @Test func `Costs are interpolated between the rows that were timed, and never fall`() {
        var cost = RoundCost()
        for (rows, seconds) in [(1, 1.0), (4, 4.0), (8, 3.0), (16, 11.0)] {
            for disturbed in [0, 0, 0, 0, 0, 0, 9.0] {
                cost.record(RoundTimes(rows: rows, verify: seconds + disturbed, total: seconds + disturbed))
            }
        }
        let curve = cost.curve(rows: 20)
        // Eight rows cannot cost less than four, so both get the mean; twenty are beyond what was timed.
        #expect(curve.target[1] == 1 && curve.target[4] == 3.5 && curve.target[8] == 3.5 && curve.target[16] == 11)
        #expect(abs(curve.target[2] - 11 / 6) < 1e-12 && curve.target[20] == 14.75)
        #expect(zip(curve.target, curve.target.dropFirst()).allSatisfy { $0 <= $1 })
    }

    @Test func `A draft pass is priced by its blocks`() throws {
        var cost = RoundCost()
        let tree = try TokenTree(name: "t", blockSize: 1, paths: [[0], [1], [0, 0], [1, 0], [0, 0, 0]])
        let draft = TokenChoice.Draft(
            tree: tree, tokens: Array(repeating: 0, count: tree.nodes.count),
            passSeconds: [0.5, 0.3, 0.2])
        cost.record(RoundTimes(draft, extend: 0.1, verify: 2, total: 3.3))
        let curve = cost.curve(rows: 8)
        // Passes of two and of one block: 0.1 for a pass and 0.1 for each block.
        #expect(abs(curve.laterPass - 0.1) < 1e-9 && abs(curve.block - 0.1) < 1e-9 && abs(curve.firstPass - 0.6) < 1e-9)
        #expect(abs(curve.rest - 0.2) < 1e-9 && abs(curve.round(tree) - 3.3) < 1e-9)
    }

    @Test func `Chances of ranks follow what was counted, and what is near where little was`() {
        let estimate = RankEstimate(statistics(60, 25, depth: 4), blockSize: 2, depth: 8)
        #expect(abs(estimate.share(depth: 1, rank: 0, isStraight: true) - 0.6) < 0.03)
        #expect(abs(estimate.share(depth: 2, rank: 1, isStraight: true) - 0.25) < 0.03)
        let (seen, unseen) = (
            estimate.share(depth: 4, rank: 0, isStraight: true), estimate.share(depth: 6, rank: 0, isStraight: true)
        )
        #expect(unseen < seen && unseen > 0.3)
        #expect(estimate.share(depth: 9, rank: 0, isStraight: true) == 0)
        for depth in 1...8 {
            for isStraight in [true, false] {
                let shares = (0..<20).map { estimate.share(depth: depth, rank: $0, isStraight: isStraight) }
                #expect(zip(shares, shares.dropFirst()).allSatisfy { $0 >= $1 } && shares.reduce(0, +) <= 1 + 1e-9)
            }
        }
    }

    @Test func `A head is trusted as far as it was right`() {
        var confidence = Confidence()
        #expect(confidence.share(0.45, rank: 0, isFirstPass: true) == 0.45)
        for text in 0..<1000 {
            confidence.record([
                RankStatistics.Look(
                    rank: text % 10 < 7 ? 0 : text % 10 < 9 ? 1 : nil, among: 20, probabilities: [0.45, 0.3],
                    isFirstPass: true)
            ])
        }
        #expect(abs(confidence.share(0.45, rank: 0, isFirstPass: true) - 0.7) < 0.01)
        #expect(abs(confidence.share(0.3, rank: 1, isFirstPass: true) - 0.2) < 0.01)
        // Another probability: what is known of others like it. Another pass: nothing.
        let likelier = (700.0 + 8) / (450 + 8)
        #expect(abs(confidence.share(0.3, rank: 0, isFirstPass: true) - 0.3 * likelier) < 1e-6)
        #expect(confidence.share(0.9, rank: 0, isFirstPass: true) == 1)
        #expect(confidence.share(0.45, rank: 0, isFirstPass: false) == 0.45)
    }
}
