import FalconTensor
import Testing

@testable import FalconDecoding

/// Planning from end to end: rounds that are timed and ranks that are counted, on a machine and a head that are known
/// exactly, so that every other choice can be tried.
@Suite struct TreePlannerTests {
    /// A machine and a head.
    struct Truth {
        let blockSize: Int
        /// Seconds of a target's pass, and for each of its rows.
        let pass: Double
        let row: Double
        /// Seconds of a draft pass, and for each of its blocks.
        let draft: Double
        let block: Double
        /// How often the best two candidates are right.
        let shares: [Double]

        func seconds(_ tree: TokenTree) -> Double {
            let blocks = tree.passCount == 0 ? 0 : 1 + tree.expansions.reduce(0) { $0 + $1.count }
            return pass + row * Double(tree.nodes.count + 1) + draft * Double(tree.passCount) + block * Double(blocks)
        }

        func acceptLength(_ tree: TokenTree) -> Double {
            tree.nodes.reduce(0) { total, node in
                total + node.path.reduce(1) { $0 * ($1 < shares.count ? shares[$1] : 0) }
            }
        }

        func rate(_ tree: TokenTree) -> Double { (1 + acceptLength(tree)) / seconds(tree) }

        /// What a calibration would time, disturbed now and then.
        ///
        /// - Parameter flattered: rows that were timed at seven tenths of what they cost.
        func calibrate(_ planner: TreePlanner, seed: UInt64, flattered: Int = 0) {
            var random = RandomSource(seed: seed)
            for rows in TreePlanner.calibrationRows {
                for _ in 0..<8 {
                    let disturbed = random.below(8) == 0 ? 3 * pass : 0
                    guard let tree = TreePlanner.calibrationTree(rows: rows, blockSize: blockSize) else {
                        let verify = pass + row + disturbed
                        planner.record(RoundTimes(rows: 1, verify: verify, total: verify))
                        continue
                    }
                    let seconds = [draft + block] + tree.expansions.map { draft + block * Double($0.count) }
                    let filled = TokenChoice.Draft(
                        tree: tree, tokens: Array(repeating: 0, count: tree.nodes.count),
                        passSeconds: seconds)
                    planner.record(
                        RoundTimes(
                            filled, extend: 0,
                            verify: (pass + row * Double(rows)) * (rows == flattered ? 0.7 : 1) + disturbed,
                            total: self.seconds(tree) + disturbed))
                }
            }
            planner.endCalibration(seconds: 1)
        }

        /// What decoding a text of ten rounds would have taken, by a tree or plainly.
        func decode(_ tree: TokenTree?) -> (text: DecodedText, rounds: [RoundTimes]) {
            var text = DecodedText()
            for _ in 0..<10 { text.statistics.recordPass(accepted: 0, generated: 1, draftPasses: tree?.passCount ?? 0) }
            text.seconds.total = 10 * (tree.map(seconds) ?? pass + row)
            text.seconds.verify = 10 * (pass + row * Double(1 + (tree?.nodes.count ?? 0)))
            guard let tree else { return (text, []) }
            let passes = [draft + block] + tree.expansions.map { draft + block * Double($0.count) }
            let filled = TokenChoice.Draft(
                tree: tree, tokens: Array(repeating: 0, count: tree.nodes.count),
                passSeconds: passes)
            let round = RoundTimes(
                filled, extend: 0, verify: text.seconds.verify / 10, total: text.seconds.total / 10)
            return (text, Array(repeating: round, count: 10))
        }

        /// Ranks of texts, each depth's drawn afresh.
        func ranks(texts: Int, seed: UInt64) -> RankStatistics {
            var statistics = RankStatistics()
            var random = RandomSource(seed: seed)
            for _ in 0..<texts {
                statistics.record(
                    (0..<10).map { _ in
                        var draw = random.uniformDouble()
                        for (rank, share) in shares.enumerated() {
                            if draw < share { return RankStatistics.Look(rank: rank) }
                            draw -= share
                        }
                        return RankStatistics.Look(rank: nil)
                    })
            }
            return statistics
        }
    }

    /// From verification that hardly costs anything to one where only a short chain pays.
    static let truths = [
        Truth(blockSize: 1, pass: 0.1, row: 0.012, draft: 0.004, block: 0.002, shares: [0.6, 0.2]),
        Truth(blockSize: 2, pass: 0.1, row: 0.012, draft: 0.02, block: 0.004, shares: [0.6, 0.2]),
        Truth(blockSize: 2, pass: 0.1, row: 0.03, draft: 0.03, block: 0.01, shares: [0.7, 0.15]),
        Truth(blockSize: 3, pass: 0.1, row: 0.015, draft: 0.03, block: 0.01, shares: [0.6, 0.3]),
        Truth(blockSize: 4, pass: 0.1, row: 0.02, draft: 0.03, block: 0.02, shares: [0.8, 0.1]),
    ]

    @Test(arguments: truths.indices)
    func `Where drafting pays, the tree is the best of all trees, and does what was predicted`(_ index: Int) throws {
        let truth = TreePlannerTests.truths[index]
        let planner = TreePlanner(blockSize: truth.blockSize, statistics: truth.ranks(texts: 3000, seed: 5))
        truth.calibrate(planner, seed: 6)
        let tree = try #require(planner.plan.tree)
        // All trees of up to six depths and two ranks with at most eight nodes, each grown in one order.
        var (best, count) = (plainRate(truth), 0)
        func extend(_ paths: [[Int]], from candidates: [[Int]]) throws {
            for (index, path) in candidates.enumerated() {
                var left = Array(candidates[(index + 1)...])
                if path.count < 6 { left.append(path + [0]) }
                if path[path.count - 1] == 0 { left.append(path.dropLast() + [1]) }
                let grown = paths + [path]
                best = max(best, truth.rate(try TokenTree(name: "t", blockSize: truth.blockSize, paths: grown)))
                count += 1
                if grown.count < 8 { try extend(grown, from: left) }
            }
        }
        try extend([], from: [[0]])
        #expect(count > 400 && best > 1.15 * plainRate(truth))
        #expect(truth.rate(tree) > 0.98 * best, "\(tree.nodes.map(\.path)): \(truth.rate(tree)) of \(best)")
        #expect(abs(planner.plan.tokensPerSecond / truth.rate(tree) - 1) < 0.05)
        #expect(abs(planner.plan.acceptLength / truth.acceptLength(tree) - 1) < 0.05)
        #expect(abs(planner.plan.plainTokensPerSecond / plainRate(truth) - 1) < 0.02)
        // No shipped tree and no chain does better.
        for name in ["small", "medium", "large"] + (1...8).map({ "chain:\($0)" }) {
            let other = try TokenTree.select(name, blockSize: truth.blockSize)
            #expect(truth.rate(other) < 1.01 * truth.rate(tree), "\(name)")
        }
    }

    private func plainRate(_ truth: Truth) -> Double { 1 / (truth.pass + truth.row) }

    @Test func `What replayed texts tell of a head changes the plan`() throws {
        let truth = TreePlannerTests.truths[1]
        let planner = TreePlanner(blockSize: 2)
        truth.calibrate(planner, seed: 7)
        let before = planner.plan
        let good = Truth(
            blockSize: 2, pass: truth.pass, row: truth.row, draft: truth.draft, block: truth.block, shares: [0.9, 0.05])
        planner.learn(good.ranks(texts: 3000, seed: 8))
        let tree = try #require(planner.plan.tree)
        #expect(tree.depth > (before.tree?.depth ?? 0) && planner.plan.tokensPerSecond > before.tokensPerSecond)
        #expect(tree.depth >= 6 && tree.nodes.allSatisfy { $0.rank == 0 })
    }

    @Test func `A tree that was timed too cheaply makes way once texts are decoded with it`() throws {
        let truth = TreePlannerTests.truths[1]
        let ranks = truth.ranks(texts: 3000, seed: 11)
        let fair = TreePlanner(blockSize: 2, statistics: ranks)
        truth.calibrate(fair, seed: 12)
        let best = try #require(fair.plan.tree)
        let planner = TreePlanner(blockSize: 2, statistics: ranks)
        truth.calibrate(planner, seed: 12, flattered: 12)
        let flattered = try #require(planner.plan.tree)
        #expect(planner.plan.tokensPerSecond > 1.05 * truth.rate(flattered), "\(flattered.nodes.count) nodes")
        for _ in 0..<4 {
            let plain = truth.decode(nil)
            planner.compared(plain.text, rounds: plain.rounds)
            let drafted = truth.decode(try #require(planner.candidate?.tree))
            planner.compared(drafted.text, rounds: drafted.rounds)
        }
        planner.endTrials(seconds: 1)
        let tree = try #require(planner.plan.tree)
        #expect(truth.rate(tree) > 0.97 * truth.rate(best), "\(tree.nodes.count) nodes")
        #expect(abs(planner.plan.tokensPerSecond / truth.rate(tree) - 1) < 0.05)
        #expect(abs(planner.plan.plainTokensPerSecond / plainRate(truth) - 1) < 0.02)
    }

    @Test func `Times that fall with more rows are pooled`() {
        var cost = RoundCost()
        for (rows, seconds) in [(1, 10.0), (2, 30), (3, 12), (4, 12), (8, 40)] {
            cost.record(RoundTimes(rows: rows, verify: seconds, total: seconds))
        }
        #expect(cost.curve(rows: 8).target.dropFirst() == [10, 18, 18, 18, 23.5, 29, 34.5, 40])
    }

    @Test func `Where drafting cannot pay, a replay drafts anyway`() {
        let truth = Truth(blockSize: 2, pass: 0.001, row: 0.1, draft: 0.1, block: 0.1, shares: [0.5, 0.1])
        for draftsAnyway in [false, true] {
            let planner = TreePlanner(
                blockSize: 2, statistics: truth.ranks(texts: 100, seed: 9), draftsAnyway: draftsAnyway)
            truth.calibrate(planner, seed: 10)
            #expect((planner.plan.tree != nil) == draftsAnyway)
            #expect(planner.plan.plainTokensPerSecond > planner.plan.bestTokensPerSecond)
        }
    }

    @Test func `Without a timed round nothing is planned`() {
        let planner = TreePlanner(blockSize: 2, kind: .dynamic(nodes: 5))
        planner.endCalibration(seconds: 0)
        #expect(planner.plan.tree == nil && planner.plan.dynamic == nil)
        #expect(planner.summary().contains("no round could be timed"))
    }

    @Test func `the more texts share a pass, the smaller the tree, and none where rows are all that costs`() throws {
        let truth = Truth(
            blockSize: 1, pass: 0.010, row: 0.0005, draft: 0.0002, block: 0.0001, shares: [0.7, 0.1])
        let planner = TreePlanner(blockSize: 1, statistics: truth.ranks(texts: 1000, seed: 239))
        truth.calibrate(planner, seed: 240)
        let curve = planner.costs
        #expect(curve.shared(by: 1).plainRound == curve.plainRound)
        #expect(curve.shared(by: 64).plainRound < curve.plainRound / 4)
        let nodes = [1, 2, 4, 8, 64].map { planner.plan(sharedBy: $0).tree?.nodes.count ?? 0 }
        #expect(nodes[0] == planner.plan.tree?.nodes.count && nodes[0] > 0 && nodes[4] == 0, "\(nodes)")
        #expect(zip(nodes, nodes.dropFirst()).allSatisfy(>=), "\(nodes)")
        // Rates are those of all texts: 8 rows take 14 ms here, and bring 8 tokens.
        #expect(abs(planner.plan(sharedBy: 8).plainTokensPerSecond / (8 / 0.014) - 1) < 0.1)
        #expect(planner.summary(sharedBy: 8).hasPrefix("auto, 8 texts in a pass: \(nodes[3]) node"))
    }
}
