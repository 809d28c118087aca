import FalconDraft
import FalconTensor

/// Drafts the trees of several texts in the same passes of one head: the head's weights and the rows of the LM head
/// are read once for all. Each text's candidates are the bits that it would get alone.
struct DraftsTogether {
    /// One text's share.
    struct Part {
        let session: DraftSession
        var choice: TokenChoice
        fileprivate var filling: TreeFilling
        fileprivate var logits: [Tensor] = []
        fileprivate var proposals: [[TokenDistribution]] = []

        init(_ session: DraftSession, _ tree: TokenTree, _ choice: TokenChoice) {
            (self.session, self.choice) = (session, choice)
            // While a sequence is shorter than a block, nothing is drafted.
            filling = TreeFilling(session.positionCount < tree.blockSize ? tree.limited(toDepth: 0) : tree)
        }

        var draft: TokenChoice.Draft {
            TokenChoice.Draft(
                tree: filling.tree, tokens: filling.tokens, proposals: proposals, logits: logits,
                vocabulary: session.head.vocabulary, passSeconds: [])
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
        let active = parts.indices.filter { !parts[$0].filling.isDone }
        guard let first = active.first else { return false }
        let head = parts[first].session.head
        // All are at the same pass, for all began together.
        let features =
            parts[first].filling.pass == 0
            ? DraftSession.firstBlocks(active.map { parts[$0].session }, on: pool)
            : DraftSession.expand(active.map { (parts[$0].session, parts[$0].filling.continuations) }, on: pool)

        // The rows that are ranked: of greedy texts those only from which the tree takes any.
        var (row, rows): (Int, [Int]) = (0, [])
        var places: [Range<Int>] = []
        for index in active {
            let wanted = parts[index].filling.candidates
            let isGreedy = parts[index].choice.rule.isGreedy
            let start = rows.count
            for (offset, count) in wanted.enumerated() where count > 0 || !isGreedy { rows.append(row + offset) }
            places.append(start..<rows.count)
            row += wanted.count
        }
        let logits = head.logits(rows.count == features.rowCount ? features : features.rows(rows), on: pool)
        let most = active.map { parts[$0].filling.candidates.max() ?? 0 }.max() ?? 0
        let isAnyGreedy = active.contains { parts[$0].choice.rule.isGreedy }
        let best = isAnyGreedy ? logits.largest(most, on: pool) : []
        for (index, place) in zip(active, places) {
            let own = logits.rows(place)
            parts[index].take(own, best: isAnyGreedy ? best[place] : [])
        }
        return true
    }
}

extension DraftsTogether.Part {
    /// - Parameters:
    ///   - own: the logits of its ranked rows.
    ///   - best: their largest, for a greedy text.
    fileprivate mutating func take(_ own: Tensor, best: ArraySlice<[(column: Int32, value: Float)]>) {
        let (wanted, vocabulary) = (filling.candidates, session.head.vocabulary)
        if choice.rule.isGreedy {
            logits.append(own)
            filling.take(TreeDraft.candidates(best, wanted, vocabulary))
        } else {
            let distributions = (0..<own.rowCount).map { choice.rule.distribution(own.row($0), within: vocabulary) }
            proposals.append(distributions)
            filling.take(choice.draw(wanted, from: distributions))
        }
    }
}
