import FalconDraft
import FalconTensor

/// Drafts the trees of several texts in the same passes of one head: the head's weights and the rows of the LM head
/// are read once for all. Each text's candidates are the bits that it would get alone.
struct DraftsTogether {
    /// What a text's round drafts.
    enum Shape {
        case tree(TokenTree)
        /// Grows to this depth at most.
        case growing(DynamicTree, deepest: Int)
    }

    /// One text's share.
    struct Part {
        fileprivate enum Filling {
            case tree(TreeFilling)
            case growing(GrowingTree)
        }

        let session: DraftSession
        var choice: TokenChoice
        fileprivate var filling: Filling
        fileprivate var isFirst = true
        fileprivate var logits: [Tensor] = []
        fileprivate var proposals: [[TokenDistribution]] = []
        fileprivate var probabilities: [[[Double]]] = []

        init(_ session: DraftSession, _ shape: Shape, _ choice: TokenChoice) {
            (self.session, self.choice) = (session, choice)
            // While a sequence is shorter than a block, nothing is drafted.
            let isShort = session.positionCount < session.head.blockSize
            switch shape {
            case .tree(let tree): filling = .tree(TreeFilling(isShort ? tree.limited(toDepth: 0) : tree))
            case .growing(let tree, let deepest):
                filling = .growing(GrowingTree(tree, deepest: isShort ? 0 : deepest))
            }
        }

        var draft: TokenChoice.Draft {
            switch filling {
            case .tree(let filling):
                TokenChoice.Draft(
                    tree: filling.tree, tokens: filling.tokens, proposals: proposals, logits: logits,
                    vocabulary: session.head.vocabulary, passSeconds: [])
            case .growing(let growing):
                TokenChoice.Draft(
                    growing.result, proposals: proposals, logits: logits, vocabulary: session.head.vocabulary,
                    passSeconds: [], probabilities: probabilities)
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

        /// How many candidates each row of the next pass is asked for; 0 for one that is not ranked.
        fileprivate var wanted: [Int] {
            switch filling {
            case .tree(let filling): filling.candidates
            case .growing(let growing):
                [Int](
                    repeating: RankStatistics.rankLimit,
                    count: max(1, growing.continuations.count) * session.head.blockSize)
            }
        }
    }

    private(set) var parts: [Part]

    /// - Parameter parts: of sessions of one head.
    init(_ parts: [Part], on pool: ThreadPool) {
        self.parts = parts
        while pass(on: pool) {}
    }

    /// One pass for all trees that go on.
    private mutating func pass(on pool: ThreadPool) -> Bool {
        let active = parts.indices.filter { !parts[$0].isDone }
        guard let first = active.first else { return false }
        let head = parts[first].session.head
        // All are at the same pass, for all began together.
        let features =
            parts[first].isFirst
            ? DraftSession.firstBlocks(active.map { parts[$0].session }, on: pool)
            : DraftSession.expand(active.map { (parts[$0].session, parts[$0].continuations) }, on: pool)

        // The rows that are ranked: of greedy texts those only from which the tree takes any.
        var (row, rows, most): (Int, [Int], Int) = (0, [], 0)
        var places: [Range<Int>] = []
        for index in active {
            let wanted = parts[index].wanted
            let isGreedy = parts[index].choice.rule.isGreedy
            let start = rows.count
            for (offset, count) in wanted.enumerated() where count > 0 || !isGreedy { rows.append(row + offset) }
            places.append(start..<rows.count)
            row += wanted.count
            most = max(most, wanted.max() ?? 0)
        }
        let logits = head.logits(rows.count == features.rowCount ? features : features.rows(rows), on: pool)
        let isAnyGreedy = active.contains { parts[$0].choice.rule.isGreedy }
        let best = isAnyGreedy ? logits.largest(most, on: pool) : []
        for (index, place) in zip(active, places) {
            parts[index].take(logits.rows(place), best: isAnyGreedy ? best[place] : [])
        }
        return true
    }
}

extension DraftsTogether.Part {
    /// - Parameters:
    ///   - own: the logits of its ranked rows.
    ///   - best: their largest, for a greedy text.
    fileprivate mutating func take(_ own: Tensor, best: ArraySlice<[(column: Int32, value: Float)]>) {
        isFirst = false
        let vocabulary = session.head.vocabulary
        let isGreedy = choice.rule.isGreedy
        if isGreedy {
            logits.append(own)
        } else {
            proposals.append((0..<own.rowCount).map { choice.rule.distribution(own.row($0), within: vocabulary) })
        }
        switch filling {
        case .tree(var tree):
            let wanted = tree.candidates
            tree.take(
                isGreedy
                    ? TreeDraft.candidates(best, wanted, vocabulary)
                    : choice.draw(wanted, from: proposals[proposals.count - 1]))
            filling = .tree(tree)
        case .growing(var tree):
            let best = best.map { Array($0.prefix(RankStatistics.rankLimit)) }
            probabilities.append(
                isGreedy
                    ? own.shares(of: best) : proposals[proposals.count - 1].map { $0.largest(RankStatistics.rankLimit) }
            )
            let wanted = tree.settle(probabilities[probabilities.count - 1])
            tree.take(
                isGreedy
                    ? best.map { $0.map { vocabulary.token($0.column) } }
                    : choice.draw(wanted, from: proposals[proposals.count - 1]))
            filling = .growing(tree)
        }
    }
}
