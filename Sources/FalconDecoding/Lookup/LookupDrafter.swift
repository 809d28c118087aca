import FalconTensor

/// Drafts a text's rounds from the text itself: where its end came before, what followed there may follow again.
/// Alone, or beside a head, to whose trees it adds what they lack.
final class LookupDrafter: RoundDrafter {
    let treeRows: Int
    private let planner: LookupPlanner
    private let head: (any RoundDrafter)?
    private let texts: () -> Int
    /// Whether the text's tokens depend on what is drafted, so that nothing measured may decide that.
    private let isFixed: Bool
    private let prior: LookupStatistics.Prior

    private var index: NGramIndex
    private var statistics = LookupStatistics()
    /// What may follow the newest token.
    private var candidates: [NGramIndex.Candidate]
    private var isBegun = false
    private var decided: Decision?
    /// Tokens of the last rounds, and what those cost in plain rounds: what time is worth in this text.
    private var pace = (tokens: 16.0, cost: 16.0)
    private var roundCost = 1.0

    /// Seconds of a plain round of late, and what drafted rounds took beyond those, in plain rounds, as seen and by
    /// their prices: contexts grow, and machines are shared.
    private var plainSeconds = 0.0
    private var extra = (seen: 0.0, expected: 0.0)
    /// How much steeper prices rise by rows in this text than where they were measured.
    private var steepness: Double { min(max((extra.seen + 0.5) / (extra.expected + 0.5), 0.5), 4) }

    /// A node must bring so much more than it costs, so that chance does not choose it.
    private static let margin = 1.1
    /// Tokens that a round must gain to be more than a plain one: what looking takes.
    private static let least = 0.01

    /// - Parameters:
    ///   - prompt: of the text.
    ///   - head: drafts trees, to which nodes are added.
    ///   - isDrawn: whether tokens are drawn.
    ///   - texts: how many texts share the target's passes now.
    init(
        _ prompt: [Int32], planner: LookupPlanner, beside head: (any RoundDrafter)?, isDrawn: Bool,
        texts: @escaping () -> Int
    ) {
        (self.planner, self.head, self.texts) = (planner, head, texts)
        // Without a head every token is drawn from the target's distribution by the same number, drafted or not.
        isFixed = isDrawn && head != nil
        prior = planner.prior(isFixed: isFixed)
        index = NGramIndex(prompt)
        candidates = index.candidates()
        treeRows = LookupPlanner.rowLimit + (head?.treeRows ?? 0)
    }

    var wantsFeatures: Bool { head?.wantsFeatures ?? false }

    /// What is to be done in a round, before the head is asked.
    private struct Decision {
        /// Of a round by its rows, in plain rounds, and what that time is worth in tokens.
        let prices: [Double]
        let worth: Double
        /// The least chance of a node that is of use.
        let floor: Double
        /// The nodes that are worth their rows without the head's.
        let alone: LookupTree
        let asksHead: Bool
    }

    private func decide(room: Int) -> Decision {
        let texts = self.texts()
        let prices = planner.prices(texts: texts, isFixed: isFixed).map { 1 + steepness * ($0 - 1) }
        let worth = LookupDrafter.margin * max(1, pace.tokens / pace.cost)
        // No node is worth less than the cheapest row.
        let floor = worth * max(0.004, (prices[prices.count - 1] - prices[1]) / Double(prices.count - 2) / 4)
        var alone = tree(room: room, limit: prices.count - 2, floor: floor)
        let value = alone.prune { worth * prices[min($0, prices.count - 1)] }
        if value < LookupDrafter.least { alone.removeAll() }
        var asksHead = head != nil
        // What the head could add to likely nodes may not be worth its passes.
        if asksHead, !alone.added.isEmpty,
            let rest = planner.head?.headRound(beside: alone.chance, texts: texts, isDrawn: isFixed),
            rest.gain < worth * rest.price
        {
            asksHead = false
        }
        return Decision(prices: prices, worth: worth, floor: floor, alone: alone, asksHead: asksHead)
    }

    func headDrafter(room: Int) -> HeadDrafter? {
        guard let head else { return nil }
        let decision = decide(room: room)
        decided = decision
        return decision.asksHead ? head.headDrafter(room: room) : nil
    }

    func next(_ choice: inout TokenChoice, room: Int) -> DraftedRound {
        roundCost = 1
        if case .chain(let depth) = planner.kind, head == nil {
            let tree = tree(room: min(room, depth), limit: depth, floor: 0, bestOnly: true)
            return tree.added.isEmpty ? .plain : .draft(.lookup(tree), extend: 0)
        }
        let decision = decided ?? decide(room: room)
        decided = nil
        let (prices, worth) = (decision.prices, decision.worth)
        func withoutHead() -> DraftedRound {
            guard !decision.alone.added.isEmpty else { return .plain }
            roundCost = prices[decision.alone.added.count + 1]
            return .draft(.lookup(decision.alone), extend: 0)
        }
        guard let head, decision.asksHead else { return withoutHead() }
        switch head.next(&choice, room: room) {
        case .end: return .end
        case .plain: return withoutHead()
        case .draft(let draft, let extend):
            let reaches = planner.head?.reaches(of: draft.tree, isDrawn: isFixed) ?? draft.tree.middlingReaches
            let base = zip(draft.tree.nodes, zip(draft.tokens, reaches)).map {
                LookupTree.Node(parent: $0.parent, token: $1.0, depth: $0.depth, reach: $1.1)
            }
            var tree = tree(room: room, base: base, limit: LookupPlanner.rowLimit - 1, floor: decision.floor)
            let rows = prices.count - 1
            func price(_ count: Int) -> Double {
                // Beyond what was measured a row costs what the last ones did.
                let beyond = Double(max(0, count - rows)) * (prices[rows] - prices[rows / 2]) / Double(rows - rows / 2)
                return prices[min(count, rows)] + beyond
            }
            tree.prune { worth * price($0) }
            roundCost = price(1 + base.count + tree.added.count)
            if let plan = planner.head?.headRound(beside: 0, texts: texts(), isDrawn: isFixed) {
                roundCost += 1 + plan.price - price(1 + base.count)
            }
            return .draft(draft.adding(tree.added), extend: extend)
        }
    }

    func committed(_ features: Tensor, nextTokens: [Int32]) {
        // At first the prompt comes, which the index has.
        let new = isBegun ? nextTokens[...] : nextTokens.suffix(1)
        if isBegun {
            pace = (0.97 * pace.tokens + Double(new.count), 0.97 * pace.cost + roundCost)
        }
        isBegun = true
        for token in new {
            statistics.record(candidates, next: token)
            planner.record(candidates, next: token)
            index.append(token)
            candidates = index.candidates()
        }
        head?.committed(features, nextTokens: nextTokens)
    }

    func timed(_ round: RoundTimes) {
        head?.timed(round)
        guard !isFixed, round.draftPasses == 0 else { return }
        if round.rows == 1 {
            plainSeconds += (plainSeconds == 0 ? 1 : 0.1) * (round.total - plainSeconds)
            // Where nothing is drafted because it was dear, it is tried again some time.
            extra = (0.995 * extra.seen, 0.995 * extra.expected)
        } else if plainSeconds > 0 {
            let price = planner.prices(texts: 1, isFixed: false)[min(round.rows, LookupPlanner.rowLimit)]
            // A round that was disturbed tells nothing.
            let seen = min(round.total / plainSeconds - 1, 4 * (price - 1) + 0.5)
            extra = (0.95 * extra.seen + seen, 0.95 * extra.expected + price - 1)
        }
    }

    private func tree(
        room: Int, base: [LookupTree.Node] = [], limit: Int, floor: Double, bestOnly: Bool = false
    ) -> LookupTree {
        LookupTree(index, base: base, deepest: room, limit: limit, floor: floor, bestOnly: bestOnly) {
            [statistics, prior] in statistics.share($0, prior: prior)
        }
    }
}

extension TokenChoice.Draft {
    /// A draft of n-grams alone.
    static func lookup(_ tree: LookupTree) -> TokenChoice.Draft {
        TokenChoice.Draft.none(blockSize: 1).adding(tree.added)
    }

    /// The draft with further nodes below its own.
    func adding(_ nodes: [LookupTree.Node]) -> TokenChoice.Draft {
        guard !nodes.isEmpty else { return self }
        var draft = self
        draft.tokens += nodes.map(\.token)
        draft.addedParents = nodes.map(\.parent)
        draft.expectedAccepted += nodes.reduce(0) { $0 + $1.reach }
        return draft
    }
}

extension TokenTree {
    /// The chance that each node is accepted, with a middling head.
    var middlingReaches: [Double] {
        var reaches: [Double] = []
        for node in nodes {
            let share = TokenTree.middlingAcceptance(pass: node.pass, offset: node.offset, rank: node.rank)
            reaches.append((node.parent < 0 ? 1 : reaches[node.parent]) * share)
        }
        return reaches
    }
}
