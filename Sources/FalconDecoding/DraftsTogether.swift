import FalconDraft
import FalconTensor

/// Drafts the trees of one or several texts in the same passes of one head: the head's weights and the rows of the LM
/// head are read once for all. Each text's candidates are the bits that it would get alone.
struct DraftsTogether {
    /// What a text's round drafts.
    enum Shape {
        case tree(TokenTree)
        /// Grows to this depth at most.
        case growing(DynamicTree, deepest: Int)
    }

    private(set) var parts: [Part]
    /// Seconds of each pass, the ranking of its rows included.
    private(set) var passSeconds: [Double] = []

    /// - Parameters:
    ///   - parts: of sessions of one head.
    ///   - logits: ranks rows, `[rows, hidden]` to `[rows, columns]`; the head's own where it is left out.
    init(
        _ parts: [Part], on pool: ThreadPool, clock: SecondsClock = { 0 }, logits: ((Tensor) -> Tensor)? = nil
    ) {
        self.parts = parts
        var before = clock()
        while pass(on: pool, logits) {
            let now = clock()
            passSeconds.append(now - before)
            before = now
        }
    }

    /// One pass for all trees that go on.
    private mutating func pass(on pool: ThreadPool, _ logits: ((Tensor) -> Tensor)?) -> Bool {
        let active = parts.indices.filter { !parts[$0].isDone }
        guard let first = active.first else { return false }
        let head = parts[first].session.head
        // All are at the same pass, for all began together.
        let features =
            parts[first].isFirst
            ? DraftSession.firstBlocks(active.map { parts[$0].session }, on: pool)
            : DraftSession.expand(active.map { (parts[$0].session, parts[$0].continuations) }, on: pool)

        var (firstRow, ranked, most): (Int, [Int], Int) = (0, [], 0)
        var places: [(rows: Range<Int>, ranked: Range<Int>)] = []
        for index in active {
            let (rows, count) = (parts[index].rankedRows, parts[index].rowCount)
            places.append((firstRow..<firstRow + count, ranked.count..<ranked.count + rows.count))
            ranked += rows.map { firstRow + $0 }
            firstRow += count
            most = max(most, parts[index].mostCandidates)
        }
        let chosen = ranked.count == features.rowCount ? features : features.rows(ranked)
        let scores = logits?(chosen) ?? head.logits(chosen, on: pool)
        let isAnyGreedy = active.contains { parts[$0].choice.rule.isGreedy }
        let best = isAnyGreedy ? scores.largest(most, on: pool) : []
        // Nothing is copied for a text alone.
        let isAlone = active.count == 1
        for (index, place) in zip(active, places) {
            parts[index].take(
                RankedRows(
                    rows: parts[index].rankedRows,
                    features: isAlone || !head.correctsBlocks ? features : features.rows(place.rows),
                    logits: isAlone ? scores : scores.rows(place.ranked),
                    best: isAnyGreedy ? best[place.ranked] : []),
                on: pool)
        }
        return true
    }

    /// The rows of a text's pass that are ranked, before any correction.
    fileprivate struct RankedRows {
        /// Of the pass, ascending.
        let rows: [Int]
        /// All rows of the pass, for heads that correct them.
        let features: Tensor
        /// `[ranked rows, columns]`
        let logits: Tensor
        /// The largest of each, where candidates are greedy.
        let best: ArraySlice<[(column: Int32, value: Float)]>
    }
}

extension DraftsTogether {
    /// One text's share.
    struct Part {
        private enum Filling {
            case tree(TreeFilling)
            case growing(GrowingTree)
        }

        let session: DraftSession
        private(set) var choice: TokenChoice
        private var filling: Filling
        fileprivate private(set) var isFirst = true
        private var passes: [RankedPass] = []

        init(_ session: DraftSession, _ shape: Shape, _ choice: TokenChoice) {
            (self.session, self.choice) = (session, choice)
            // While a sequence is shorter than a block, nothing is drafted.
            let isShort = session.positionCount < session.head.blockSize
            let byParent = session.head.correctsBlocks
            switch shape {
            case .tree(let tree):
                filling = .tree(TreeFilling(isShort ? tree.limited(toDepth: 0) : tree, byParent: byParent))
            case .growing(let tree, let deepest):
                filling = .growing(GrowingTree(tree, deepest: isShort ? 0 : deepest, byParent: byParent))
            }
        }

        /// - Parameter passSeconds: of each draft pass, where somebody timed them.
        func draft(passSeconds: [Double] = []) -> TokenChoice.Draft {
            switch filling {
            case .tree(let filling):
                return TokenChoice.Draft(
                    tree: filling.tree, tokens: filling.tokens, passes: passes, vocabulary: session.head.vocabulary,
                    passSeconds: passSeconds)
            case .growing(let growing):
                let result = growing.result
                return TokenChoice.Draft(
                    tree: result.tree, tokens: result.tokens,
                    passes: passes.map { pass in
                        RankedPass(
                            rankings: pass.rankings.renumbered { $0 < 0 ? $0 : result.numbers[$0] },
                            logits: pass.logits, proposals: pass.proposals, probabilities: pass.probabilities)
                    },
                    vocabulary: session.head.vocabulary, passSeconds: passSeconds,
                    expectedAccepted: result.expectedAccepted)
            }
        }

        fileprivate var isDone: Bool {
            switch filling {
            case .tree(let filling): filling.isDone
            case .growing(let growing): growing.isDone
            }
        }

        fileprivate var continuations: [DraftSession.Continuation] {
            switch filling {
            case .tree(let filling): filling.continuations
            case .growing(let growing): growing.continuations
            }
        }

        /// How many rows its next pass has.
        fileprivate var rowCount: Int { (isFirst ? 1 : continuations.count) * session.head.blockSize }

        /// The rows of the next pass that are ranked: those from which the tree takes any, or all of a tree that grows
        /// by what they say.
        fileprivate var rankedRows: [Int] {
            switch filling {
            case .tree(let filling): filling.rankings.rows
            case .growing: Array(0..<rowCount)
            }
        }

        /// The most candidates of a row.
        fileprivate var mostCandidates: Int {
            switch filling {
            case .tree(let filling): filling.rankings.all.map(\.count).max() ?? 0
            case .growing: RankStatistics.rankLimit
            }
        }
    }
}

extension DraftsTogether.Part {
    /// Takes what the next pass made of its rows.
    fileprivate mutating func take(_ rows: DraftsTogether.RankedRows, on pool: ThreadPool) {
        var probabilities: [[Double]] = []
        // Of the rows as they are, where a tree that grows looked at them.
        var known: [TokenDistribution] = []
        if case .growing(var tree) = filling {
            if !choice.rule.isGreedy { known = rows.rows.indices.map { distribution(rows.logits.row($0)) } }
            let best = rows.best.map { Array($0.prefix(RankStatistics.rankLimit)) }
            probabilities =
                choice.rule.isGreedy
                ? rows.logits.shares(of: best)
                : known.map { $0.largest(RankStatistics.rankLimit) }
            tree.settle(probabilities)
            filling = .growing(tree)
        }
        let rankings = self.rankings
        var pass = RankedPass(rankings: rankings, probabilities: probabilities)
        var ranked: [Tensor] = []
        for step in rankings.steps where !step.isEmpty {
            let logits = logits(of: rankings.all[step], rows, on: pool)
            ranked.append(logits)
            let counts = rankings.all[step].map(\.count)
            let candidates: [[Int32]]
            let isPlain = step == rows.rows.indices && !session.head.correctsBlocks
            if choice.rule.isGreedy {
                let best = isPlain ? rows.best : logits.largest(counts.max() ?? 0, on: pool)[...]
                candidates = PassRankings.candidates(best, counts, session.head.vocabulary)
            } else {
                let distributions =
                    isPlain && !known.isEmpty ? known : (0..<logits.rowCount).map { distribution(logits.row($0)) }
                candidates = choice.draw(counts, from: distributions)
                pass.proposals += distributions
            }
            take(candidates, of: step)
        }
        if choice.rule.isGreedy, !ranked.isEmpty { pass.logits = ranked.count == 1 ? ranked[0] : .stacked(ranked) }
        passes.append(pass)
        isFirst = false
        endPass()
    }

    private func distribution(_ logits: [Float]) -> TokenDistribution {
        choice.rule.distribution(logits, within: session.head.vocabulary)
    }

    /// The logits of rankings: those of their rows, moved where a ranking is for one parent.
    private func logits(
        of rankings: ArraySlice<PassRankings.Ranking>, _ rows: DraftsTogether.RankedRows, on pool: ThreadPool
    ) -> Tensor {
        func place(_ row: Int) -> Int {
            guard let place = rows.rows.firstIndex(of: row) else { preconditionFailure("row \(row) was not ranked") }
            return place
        }
        if rankings.allSatisfy({ $0.parent == nil }) {
            let places = rankings.map { place($0.row) }
            return places == Array(0..<rows.logits.rowCount) ? rows.logits : rows.logits.rows(places)
        }
        return .stacked(
            Set(rankings.map(\.row)).sorted().map { row in
                session.head.logits(
                    correcting: rows.logits.rows(place(row)..<place(row) + 1),
                    feature: rows.features.rows(row..<row + 1),
                    tokens: rankings.filter { $0.row == row }.compactMap { $0.parent.map(token(of:)) }, on: pool)
            })
    }

    private var rankings: PassRankings {
        switch filling {
        case .tree(let tree): tree.rankings
        case .growing(let tree): tree.rankings
        }
    }

    private func token(of node: Int) -> Int32 {
        switch filling {
        case .tree(let tree): tree.tokens[node]
        case .growing(let tree): tree.token(of: node)
        }
    }

    private mutating func take(_ candidates: [[Int32]], of step: Range<Int>) {
        switch filling {
        case .tree(var tree):
            tree.take(candidates, of: step)
            filling = .tree(tree)
        case .growing(var tree):
            tree.take(candidates, of: step)
            filling = .growing(tree)
        }
    }

    private mutating func endPass() {
        switch filling {
        case .tree(var tree):
            tree.endPass()
            filling = .tree(tree)
        case .growing(var tree):
            tree.endPass()
            filling = .growing(tree)
        }
    }
}
