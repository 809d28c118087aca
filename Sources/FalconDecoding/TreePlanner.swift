import FalconTensor

/// Chooses the draft tree for this machine, this target and this head: the one with the most tokens a second, or none
/// where plain decoding is faster.
///
/// It knows what rounds cost (`RoundCost`) and how often each rank is right (`RankStatistics`), both learnt in a
/// calibration: real rounds with trees of 2 to 64 rows, on given prompts. While texts are decoded it learns on, and
/// plans again before each text. Greedy output never depends on its choices; drawn tokens do, as they do on the seed,
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
        /// What the calibration took.
        package let planSeconds: Double
    }

    /// Below this share of the plain rate a tree is not even tried.
    private static let comparedShare = 0.6
    /// What a tree must bring, so that chance does not choose it.
    private static let margin = 1.02

    /// Rows of the target's pass, the coarsest picture first.
    static let calibrationRows = [1, 16, 4, 64, 8, 2, 32, 3, 24, 6, 12, 48]

    package let kind: Kind
    package let blockSize: Int
    /// Whether it takes the best tree even where plain decoding is faster.
    private let draftsAnyway: Bool
    /// The plan for the next text.
    package private(set) var plan: Plan
    /// Seconds that the calibration took.
    package private(set) var calibrationSeconds = 0.0
    /// Plans for texts in company, by their number.
    private var companyPlans: [Int: Plan] = [:]
    /// What texts that are drawn are drafted by in company.
    private var drawing: (plan: Plan, estimate: RankEstimate)?
    private var statistics: RankStatistics
    private var confidence = Confidence()
    private var cost = RoundCost()
    private var curve: CostCurve
    /// The best tree by what was known when it was looked for.
    private var best: (tree: TokenTree, acceptLength: Double)?
    private var estimate: RankEstimate
    /// How many tokens' ranks were known then.
    private var plannedTokens = 0
    /// Whole texts that were tried: their seconds and their rounds.
    private var trials: (plain: [Trial], drafted: [Trial]) = ([], [])
    /// Seconds that rounds took, and that they should have taken: contexts grow and machines are shared.
    private var recent = (taken: 0.0, expected: 0.0)
    private var expected = (seconds: 0.0, plainSeconds: 0.0, accepted: 0.0, rounds: 0, nodes: 0)

    /// - Parameters:
    ///   - statistics: what is known of the head.
    ///   - draftsAnyway: for a replay, which has nothing to say about plain decoding.
    package init(
        blockSize: Int, kind: Kind = .auto, statistics: RankStatistics = RankStatistics(), draftsAnyway: Bool = false
    ) {
        (self.blockSize, self.kind, self.draftsAnyway) = (blockSize, kind, draftsAnyway)
        self.statistics = statistics
        curve = cost.curve(rows: TreePlanner.calibrationRows.max() ?? 64)
        estimate = RankEstimate(statistics, blockSize: blockSize, depth: 0)
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
    package static var rowLimit: Int { calibrationRows.max() ?? 64 }

    /// The tree of a calibration round: a chain through a few passes first, then what a middling head would want.
    static func calibrationTree(rows: Int, blockSize: Int) -> TokenTree? {
        guard rows > 1 else { return nil }
        let passes = min(max(2, 6 / blockSize), (rows - 1 + blockSize - 1) / blockSize)
        return try? TokenTree.reaching(
            name: "calibration", blockSize: blockSize, nodeCount: rows - 1, passCount: passes)
    }

    /// A tree whose replay looks far enough into stored texts: wide at first, and as deep as any plan.
    package var survey: TokenTree {
        let passes = TreePlanner.passLimit(blockSize: blockSize)
        let tree = try? TokenTree.reaching(
            name: "survey", blockSize: blockSize, nodeCount: TreePlanner.rowLimit - 1, passCount: passes)
        return tree ?? .none(blockSize: blockSize)
    }

    /// Takes the times of a calibration round.
    func record(_ round: RoundTimes) { cost.record(round) }

    /// Takes the ranks of a calibration text.
    func record(_ text: DecodedText) {
        statistics.add(text.ranks)
        confidence.add(text.confidence)
    }

    /// Ends the calibration and makes the first plan.
    func endCalibration(seconds: Double) {
        calibrationSeconds += seconds
        // Calibration texts are not among those that a prediction is for.
        expected = (0, 0, 0, 0, 0)
        curve = cost.curve(rows: TreePlanner.rowLimit)
        trials = ([], [])
        drawing = nil
        plannedTokens = 0
        replan()
    }

    /// The plan that is to be tried against plain decoding; `nil` where there is no hope for one.
    var candidate: Plan? {
        guard let best, draftsAnyway || plan.bestTokensPerSecond > TreePlanner.comparedShare * plan.plainTokensPerSecond
        else { return nil }
        return made(of: best, rate: plan.bestTokensPerSecond, plain: plan.plainTokensPerSecond)
    }

    private struct Trial {
        let seconds: Double
        let rounds: [RoundTimes]
    }

    /// Takes a text that was decoded to the end as texts will be, by a plan or plainly. Its rounds count as calibrated
    /// ones do, so that a tree that was chosen for too low a time makes way for another.
    ///
    /// - Parameter rounds: empty for plain decoding.
    func compared(_ text: DecodedText, rounds: [RoundTimes]) {
        record(text)
        let count = text.statistics.targetPasses
        guard count > 0 else { return }
        let taken = text.seconds.total - text.seconds.prefill
        let mean = RoundTimes(rows: 1, verify: text.seconds.verify / Double(count), total: taken / Double(count))
        let trial = Trial(seconds: taken, rounds: rounds.isEmpty ? Array(repeating: mean, count: count) : rounds)
        if rounds.isEmpty { trials.plain.append(trial) } else { trials.drafted.append(trial) }
        for round in trial.rounds { cost.record(round) }
        curve = cost.curve(rows: TreePlanner.rowLimit)
        plannedTokens = 0
        replan()
    }

    /// How many texts were tried.
    var trialCount: Int { trials.plain.count + trials.drafted.count }

    /// Takes the trials into account.
    func endTrials(seconds: Double) {
        calibrationSeconds += seconds
        // What whole texts took beyond their rounds' parts.
        func factor(_ trials: [Trial]) -> Double {
            RoundCost.middle(trials.map { $0.seconds / $0.rounds.reduce(0) { $0 + curve.round($1) } })
        }
        let (plain, drafted) = (trials.plain, trials.drafted.isEmpty ? trials.plain : trials.drafted)
        // Without trials of its own, drafting gets what plain decoding got.
        let factors = (plain: factor(plain), drafted: factor(drafted))
        if !plain.isEmpty { curve.plainFactor = factors.plain }
        if !drafted.isEmpty { curve.draftFactor = factors.drafted }
        drawing = nil
        replan()
    }

    /// Learns from a text that was decoded by the plan: its ranks, and how long it took against what was expected.
    ///
    /// - Parameter rounds: empty for plain decoding.
    func learn(from text: DecodedText, rounds: [RoundTimes]) {
        let count = text.statistics.targetPasses
        guard count > 0, plan.tokensPerSecond > 0 else { return }
        record(text)
        let costs = rounds.isEmpty ? Double(count) * curve.plainRound : rounds.reduce(0) { $0 + curve.round($1) }
        var (accepted, rate) = (plan.acceptLength * Double(count), plan.tokensPerSecond)
        let grown = rounds.reduce(0) { $0 + $1.expectedAccepted }
        if plan.dynamic != nil || grown > 0 {
            // Nodes from n-grams stand beside a tree that is the same in each round.
            let fixed = plan.dynamic == nil ? Double(rounds.count { $0.draftPasses > 0 }) * plan.acceptLength : 0
            accepted = grown + fixed
            rate = (Double(count) + accepted) / (costs * drift)
        }
        // The first token came with the prompt.
        expected.seconds += Double(text.tokens.count - 1) / rate
        expected.plainSeconds += Double(text.tokens.count - 1) / plan.plainTokensPerSecond
        expected.accepted += accepted
        expected.rounds += count
        expected.nodes += rounds.reduce(0) { $0 + $1.rows - 1 }
        // The last few texts count most.
        recent = (recent.taken / 2 + text.seconds.total - text.seconds.prefill, recent.expected / 2 + costs)
        replan()
    }

    /// Learns where stored texts' tokens stood in the head's rankings, and plans again.
    package func learn(_ ranks: RankStatistics) {
        statistics.add(ranks)
        replan()
    }

    /// What rounds cost as far as is known.
    var costs: CostCurve { curve }
    /// The same; `nil` before any was timed.
    package var measuredCosts: CostCurve? { cost.roundCount.plain > 0 ? curve : nil }

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
            plainTokensPerSecond: rate(expected.plainSeconds), planSeconds: calibrationSeconds)
    }

    /// What is expected of the replayed texts, the passes over their prompts apart.
    ///
    /// - Parameter statistics: of all of them.
    func prediction(of replay: ReplayFacts, statistics: AcceptStatistics) -> Prediction? {
        guard replay.expectation.seconds > 0, plan.plainTokensPerSecond > 0 else { return nil }
        let tokens = statistics.targetPasses + statistics.acceptedDraftTokens
        return Prediction(
            acceptLength: replay.expectation.accepted / Double(statistics.targetPasses),
            tokensPerSecond: Double(tokens) / replay.expectation.seconds,
            plainTokensPerSecond: plan.plainTokensPerSecond, planSeconds: calibrationSeconds)
    }

    /// How many nodes the trees that grew had on average; `nil` where none did.
    package var meanNodeCount: Int? {
        guard case .dynamic = kind, expected.rounds > 0 else { return nil }
        return (expected.nodes + expected.rounds / 2) / expected.rounds
    }

    /// How much longer rounds took recently than in the calibration.
    private var drift: Double { recent.expected > 0 ? recent.taken / recent.expected : 1 }

    private func replan() {
        companyPlans = [:]
        guard cost.roundCount.plain > 0, cost.roundCount.drafted > 0 else { return }
        let plain = 1 / max(1e-9, curve.plainRound * drift)
        // Looking for the best tree takes as long as some rounds: not after each text, when hardly more is known.
        let known = statistics.tokens(depth: 1)
        if best == nil || plannedTokens == 0 || 10 * known > 11 * plannedTokens {
            let depth = TreePlanner.passLimit(blockSize: blockSize) * blockSize
            estimate = RankEstimate(statistics, blockSize: blockSize, depth: depth)
            best = TreePlanner.bestTree(estimate, blockSize: blockSize, cost: curve)
            plannedTokens = known
        }
        let rate = best.map { (1 + $0.acceptLength) / (curve.round($0.tree) * drift) } ?? 0
        plan = made(of: chosen(best, rate: rate, plain: plain), rate: rate, plain: plain)
    }

    private func chosen(
        _ best: (tree: TokenTree, acceptLength: Double)?, rate: Double, plain: Double
    ) -> (tree: TokenTree, acceptLength: Double)? {
        if case .dynamic(.some) = kind { return best }
        return draftsAnyway || rate > TreePlanner.margin * plain ? best : nil
    }

    /// The plan that makes most tokens a second together where so many texts share the passes: smaller trees the more
    /// there are, for rows have a price when weights are read for many, and none where plain decoding makes more. The
    /// number is taken as the power of two below it; rates are those of all together, seconds one text's share.
    func plan(sharedBy texts: Int) -> Plan {
        let size = 1 << (Int.bitWidth - 1 - max(1, texts).leadingZeroBitCount)
        guard size > 1, cost.roundCount.plain > 0, cost.roundCount.drafted > 0 else { return plan }
        if let known = companyPlans[size] { return known }
        let shared = curve.shared(by: size)
        let plain = 1 / max(1e-9, shared.plainRound)
        let best = TreePlanner.bestTree(estimate, blockSize: blockSize, cost: shared)
        let rate = best.map { (1 + $0.acceptLength) / shared.round($0.tree) } ?? 0
        let made = made(of: chosen(best, rate: rate, plain: plain), rate: rate, plain: plain, cost: shared, drift: 1)
        companyPlans[size] = made
        return made
    }

    /// The plan of texts that are drawn in company, and what it rests on: those of the first, so that what is drawn
    /// depends neither on the company nor on what other texts teach.
    var forDrawing: (plan: Plan, estimate: RankEstimate) {
        let known = drawing ?? (plan, estimate)
        drawing = known
        return known
    }

    /// Learns from a text that was decoded in company where its tokens stood in the head's rankings. What its rounds
    /// took says nothing of one alone.
    func learn(inCompany text: DecodedText) {
        record(text)
        if 10 * statistics.tokens(depth: 1) > 11 * plannedTokens { replan() }
    }

    /// What a round by the plan brings beside nodes from elsewhere, and what its passes and rows cost more than a plain
    /// round, in plain rounds; `nil` where the plan drafts nothing.
    ///
    /// - Parameters:
    ///   - chance: that one of those nodes is right.
    ///   - texts: that share the passes.
    ///   - isDrawn: for a text whose tokens must not depend on others.
    func headRound(beside chance: Double, texts: Int, isDrawn: Bool) -> (gain: Double, price: Double)? {
        let plan = isDrawn ? forDrawing.plan : self.plan(sharedBy: texts)
        guard plan.tree != nil, plan.plainTokensPerSecond > 0 else { return nil }
        return ((1 - chance) * plan.acceptLength, plan.roundSeconds * plan.plainTokensPerSecond - 1)
    }

    /// The chance that each node of a tree is accepted, as far as the head is known.
    ///
    /// - Parameter isDrawn: for a text whose tokens must not depend on others.
    func reaches(of tree: TokenTree, isDrawn: Bool) -> [Double] {
        let estimate = isDrawn ? forDrawing.estimate : self.estimate
        var nodes: [(reach: Double, isStraight: Bool)] = []
        for node in tree.nodes {
            let above = node.parent < 0 ? (reach: 1, isStraight: true) : nodes[node.parent]
            let share = estimate.share(depth: node.depth, rank: node.rank, isStraight: above.isStraight)
            nodes.append((above.reach * share, above.isStraight && node.rank == 0))
        }
        return nodes.map(\.reach)
    }

    private func made(
        of tree: (tree: TokenTree, acceptLength: Double)?, rate: Double, plain: Double,
        cost: CostCurve? = nil, drift: Double? = nil
    ) -> Plan {
        let (curve, drift) = (cost ?? curve, drift ?? self.drift)
        return Plan(
            tree: tree?.tree,
            dynamic: tree == nil ? nil : dynamicTree(perSecond: max(rate, plain) * drift, cost: curve),
            acceptLength: tree?.acceptLength ?? 0,
            roundSeconds: (tree.map { curve.round($0.tree) } ?? curve.plainRound) * drift,
            tokensPerSecond: tree == nil ? plain : rate, plainTokensPerSecond: plain, bestTokensPerSecond: rate)
    }

    /// - Parameter perSecond: what time is worth, by the calibration's clock.
    private func dynamicTree(perSecond rate: Double, cost curve: CostCurve) -> DynamicTree? {
        guard case .dynamic(let nodes) = kind else { return nil }
        let passes = TreePlanner.passLimit(blockSize: blockSize)
        return DynamicTree(
            blockSize: blockSize, aim: .tokens(perSecond: rate), nodeLimit: nodes ?? curve.nodeLimit,
            passLimit: passes, cost: nodes == nil ? curve : curve.withFreeRows, estimate: estimate,
            confidence: confidence)
    }

    /// The most draft passes of a round: deep enough for ten tokens.
    private static func passLimit(blockSize: Int) -> Int { (9 + blockSize) / blockSize }

    /// The tree with the most tokens a second.
    static func bestTree(
        _ estimate: RankEstimate, blockSize: Int, cost: CostCurve
    ) -> (tree: TokenTree, acceptLength: Double)? {
        let passLimit = estimate.depth / blockSize
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
        return (tree, best.result.gain)
    }
}
