import Foundation

/// Chooses the draft tree for this machine, this target and this head: the one with the most tokens a second, or none
/// where plain decoding is faster.
///
/// It knows what rounds cost (`RoundCost`) and how often each rank is right (`RankStatistics`), both learnt in a
/// rehearsal: real rounds with trees of 2 to 64 rows, on prompts at hand. While texts are decoded it learns on, and
/// plans anew before each text. Greedy output never depends on its choices; drawn tokens do, as they do on the seed,
/// but their distribution does not: a tree is chosen before any of its tokens is drawn.
package final class TreePlanner {
    /// What a tree is expected to do.
    package struct Plan: Sendable {
        /// The best tree; `nil` where drafting would not pay.
        package let tree: TokenTree?
        /// Grows another tree in each round instead.
        let dynamic: DynamicTree?
        /// Expected accepted tokens of a round.
        package let acceptLength: Double
        /// Seconds of a round.
        package let roundSeconds: Double
        /// Tokens a second, the passes over prompts apart.
        package let tokensPerSecond: Double
        /// The same without drafting.
        package let plainTokensPerSecond: Double
        /// The same with the best tree there is, whether or not it pays.
        package let bestTokensPerSecond: Double

        /// The most rows of a target's pass.
        var rowLimit: Int { 1 + (dynamic?.nodeLimit ?? tree?.nodes.count ?? 0) }
    }

    /// What is chosen.
    package enum Kind: Equatable, Sendable {
        /// One tree for a whole text.
        case auto
        /// A tree for each round, of this many nodes or of what pays.
        case dynamic(nodes: Int?)
    }

    /// What was expected of the texts decoded so far, each by the plan that it was decoded with.
    package struct Prediction: Sendable {
        /// Accepted tokens of a round.
        package let acceptLength: Double
        /// Tokens a second, with the passes over prompts as long as they were.
        package let tokensPerSecond: Double
        /// The same without drafting.
        package let plainTokensPerSecond: Double
        /// What the rehearsal took.
        package let planSeconds: Double
    }

    /// Rows of the target's pass, the coarsest picture first.
    static let rehearsedRows = [1, 16, 4, 64, 8, 2, 32, 3, 24, 6, 12, 48]

    package let kind: Kind
    package let blockSize: Int
    /// The plan for the next text.
    package private(set) var plan: Plan
    /// Seconds that the rehearsal took.
    package private(set) var rehearsalSeconds = 0.0
    private var statistics: RankStatistics
    private var confidence = Confidence()
    private var cost = RoundCost()
    private var curve: CostCurve
    /// Seconds that rounds took, and that they should have taken: contexts grow and machines are shared.
    private var lately = (taken: 0.0, expected: 0.0)
    private var expected = (seconds: 0.0, plainSeconds: 0.0, accepted: 0.0, rounds: 0)

    /// - Parameter statistics: what is known of the head, from a replay for example.
    package init(blockSize: Int, kind: Kind = .auto, statistics: RankStatistics = RankStatistics()) {
        (self.blockSize, self.kind) = (blockSize, kind)
        self.statistics = statistics
        curve = cost.curve(rows: TreePlanner.rehearsedRows.max() ?? 64)
        plan = Plan(
            tree: nil, dynamic: nil, acceptLength: 0, roundSeconds: 0, tokensPerSecond: 0,
            plainTokensPerSecond: 0, bestTokensPerSecond: 0)
    }

    /// What `--tree` calls it.
    package var name: String {
        switch kind {
        case .auto: "auto"
        case .dynamic(nil): "dynamic"
        case .dynamic(let nodes?): "dynamic:\(nodes)"
        }
    }

    /// The most rows of a target's pass that it asks for.
    package static var rowLimit: Int { rehearsedRows.max() ?? 64 }

    /// The tree of a rehearsed round: a chain through a few passes first, then what a middling head would want.
    static func rehearsalTree(rows: Int, blockSize: Int) -> TokenTree? {
        guard rows > 1 else { return nil }
        let passes = min(max(2, 6 / blockSize), (rows - 1 + blockSize - 1) / blockSize)
        return try? TokenTree.reaching(
            name: "rehearsal", blockSize: blockSize, nodeCount: rows - 1, passCount: passes)
    }

    /// Takes the times of a rehearsed round.
    func rehearsed(_ round: RoundTimes) { cost.record(round) }

    /// Takes the ranks of a rehearsed text.
    func rehearsed(_ text: DecodedText) {
        statistics.add(text.ranks)
        confidence.add(text.confidence)
    }

    /// Ends the rehearsal and makes the first plan.
    func endRehearsal(seconds: Double) {
        rehearsalSeconds += seconds
        // Rehearsed texts are not among those that a prediction is for.
        expected = (0, 0, 0, 0)
        curve = cost.curve(rows: TreePlanner.rowLimit)
        replan()
    }

    /// Learns from a text that was decoded by the plan: its ranks, and how long it took against what was expected.
    ///
    /// - Parameter rounds: empty for plain decoding.
    func learn(from text: DecodedText, rounds: [RoundTimes]) {
        let count = text.statistics.targetPasses
        guard count > 0, plan.tokensPerSecond > 0 else { return }
        rehearsed(text)
        let costs = rounds.isEmpty ? Double(count) * curve.plainRound : rounds.reduce(0) { $0 + curve.round($1) }
        var (accepted, rate) = (plan.acceptLength * Double(count), plan.tokensPerSecond)
        if plan.dynamic != nil {
            accepted = rounds.reduce(0) { $0 + $1.expectedAccepted }
            rate = (Double(count) + accepted) / (costs * drift)
        }
        // The first token came with the prompt.
        expected.seconds += Double(text.tokens.count - 1) / rate
        expected.plainSeconds += Double(text.tokens.count - 1) / plan.plainTokensPerSecond
        expected.accepted += accepted
        expected.rounds += count
        // The last few texts count most.
        lately = (lately.taken / 2 + text.seconds.total - text.seconds.prefill, lately.expected / 2 + costs)
        replan()
    }

    /// What was expected of the texts so far; `nil` where none was decoded.
    ///
    /// - Parameters:
    ///   - prefillSeconds: what the passes over prompts took: they depend on the prompts, not on the plan.
    ///   - generatedTokens: of all texts, their first ones, which those passes yield, included.
    package func prediction(prefillSeconds: Double, generatedTokens: Int) -> Prediction? {
        guard expected.rounds > 0 else { return nil }
        func rate(_ seconds: Double) -> Double { Double(generatedTokens) / max(1e-9, prefillSeconds + seconds) }
        return Prediction(
            acceptLength: expected.accepted / Double(expected.rounds), tokensPerSecond: rate(expected.seconds),
            plainTokensPerSecond: rate(expected.plainSeconds), planSeconds: rehearsalSeconds)
    }

    /// The plan in words.
    package var summary: String {
        func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
        let plain = "\(number(plan.plainTokensPerSecond, 1)) tokens/s"
        guard let tree = plan.tree else {
            return "\(name): drafting cannot pay here, decoding plainly at about \(plain); "
                + "the best tree would bring \(number(plan.bestTokensPerSecond, 1))"
        }
        let shape =
            plan.dynamic == nil
            ? "\(tree.nodes.count) nodes, \(tree.depth) deep, \(tree.passCount) draft passes"
            : "a tree for each round; the best single one, of \(tree.nodes.count) nodes"
        return "\(name): \(shape): "
            + "\(number(plan.acceptLength, 2)) tokens accepted in a round of \(number(plan.roundSeconds * 1000, 2)) ms "
            + "expected, \(number(plan.tokensPerSecond, 1)) tokens/s against \(plain) plain"
    }

    /// How much longer rounds took lately than in the rehearsal.
    private var drift: Double { lately.expected > 0 ? lately.taken / lately.expected : 1 }

    private func replan() {
        let plain = 1 / max(1e-9, curve.plainRound * drift)
        let best = TreePlanner.bestTree(statistics, blockSize: blockSize, cost: curve)
        let rate = best.map { (1 + $0.acceptLength) / ($0.seconds * drift) } ?? 0
        var pays = rate > plain ? best : nil
        if kind != .auto, kind != .dynamic(nodes: nil) { pays = best }
        plan = Plan(
            tree: pays?.tree, dynamic: pays == nil ? nil : dynamicTree(perSecond: max(rate, plain) * drift),
            acceptLength: pays?.acceptLength ?? 0, roundSeconds: (pays?.seconds ?? curve.plainRound) * drift,
            tokensPerSecond: pays == nil ? plain : rate, plainTokensPerSecond: plain, bestTokensPerSecond: rate)
    }

    /// - Parameter perSecond: what time is worth, by the rehearsal's clock.
    private func dynamicTree(perSecond rate: Double) -> DynamicTree? {
        guard case .dynamic(let nodes) = kind else { return nil }
        let passes = TreePlanner.passLimit(blockSize: blockSize)
        return DynamicTree(
            blockSize: blockSize, aim: .tokens(perSecond: rate), nodeLimit: nodes ?? curve.nodeLimit,
            passLimit: passes, cost: nodes == nil ? curve : curve.withFreeRows,
            estimate: RankEstimate(statistics, blockSize: blockSize, depth: passes * blockSize),
            confidence: confidence)
    }

    /// The most draft passes of a round: deep enough for ten tokens.
    private static func passLimit(blockSize: Int) -> Int { (9 + blockSize) / blockSize }

    /// The tree with the most tokens a second.
    static func bestTree(
        _ statistics: RankStatistics, blockSize: Int, cost: CostCurve
    ) -> (tree: TokenTree, acceptLength: Double, seconds: Double)? {
        let passLimit = passLimit(blockSize: blockSize)
        let estimate = RankEstimate(statistics, blockSize: blockSize, depth: passLimit * blockSize)
        let start = TreeGrowth(blockSize: blockSize) { place in
            estimate.share(depth: place.depth, rank: place.rank, isStraight: place.isStraight)
        }
        var best: (growth: TreeGrowth, result: (score: Double, gain: Double, seconds: Double))?
        for passes in 1...passLimit {
            var growth = start
            let result = growth.grow(
                for: .rate, passes: passes, deepest: passes * blockSize, limit: cost.nodeLimit, cost: cost)
            if result.score > best?.result.score ?? 0 { best = (growth, result) }
        }
        guard let best, let tree = try? best.growth.tree(name: "auto").tree else { return nil }
        return (tree, best.result.gain, cost.round(tree))
    }
}

extension TreeGrowth {
    /// The nodes as a tree, and for each of its nodes the number here.
    func tree(name: String) throws -> (tree: TokenTree, order: [Int]) {
        var paths: [[Int]] = []
        for node in nodes { paths.append((node.parent < 0 ? [] : paths[node.parent]) + [node.rank]) }
        let tree = try TokenTree(name: name, blockSize: blockSize, paths: paths)
        var number: [[Int]: Int] = [:]
        for (index, path) in paths.enumerated() { number[path] = index }
        return (tree, tree.nodes.map { number[$0.path] ?? 0 })
    }
}
