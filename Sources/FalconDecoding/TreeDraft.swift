import FalconDraft
import FalconTensor

/// Fills a tree with the draft head's candidates.
enum TreeDraft {
    /// Gives candidates for the rows of a draft pass: features `[rows, hidden]`, and how many of each row are wanted.
    typealias Candidates = (_ features: Tensor, _ wanted: [Int]) -> [[Int32]]

    /// - Returns: a token for each node, the tree they belong to (the whole one, or one without nodes where the
    ///   sequence is still shorter than a block), and the seconds of each draft pass.
    static func fill(
        _ tree: TokenTree, session: DraftSession, on pool: ThreadPool, clock: SecondsClock = { 0 },
        candidates: Candidates
    ) -> (tokens: [Int32], tree: TokenTree, seconds: [Double]) {
        var (before, seconds) = (clock(), [Double]())
        guard !tree.nodes.isEmpty, let first = session.firstBlock(on: pool) else {
            return ([], tree.limited(toDepth: 0), [])
        }
        var filling = TreeFilling(tree)
        while !filling.isDone {
            let features = filling.pass == 0 ? first : session.expand(filling.continuations, on: pool)
            filling.take(candidates(features, filling.candidates))
            let now = clock()
            seconds.append(now - before)
            before = now
        }
        return (filling.tokens, tree, seconds)
    }

    /// The best candidates of each row by the LM head.
    ///
    /// - Parameters:
    ///   - vocabulary: what columns of the logits mean, where they are not tokens.
    ///   - pool: shares the rows.
    ///   - logits: `[rows, hidden]` to `[rows, columns]`; asked for the rows that are wanted only.
    static func best(
        _ features: Tensor, _ wanted: [Int], vocabulary: VocabularySubset? = nil, on pool: ThreadPool? = nil,
        logits: (Tensor) -> Tensor
    ) -> [[Int32]] {
        let rows = wanted.indices.filter { wanted[$0] > 0 }
        let ranked = logits(rows.count == wanted.count ? features : features.rows(rows))
        return candidates(ranked.largest(wanted.max() ?? 0, on: pool)[...], wanted, vocabulary)
    }

    /// Tokens for each row that is asked for any.
    ///
    /// - Parameter best: the largest logits of those rows, one row's behind the other's.
    static func candidates(
        _ best: ArraySlice<[(column: Int32, value: Float)]>, _ wanted: [Int], _ vocabulary: VocabularySubset?
    ) -> [[Int32]] {
        var candidates = [[Int32]](repeating: [], count: wanted.count)
        for (row, best) in zip(wanted.indices.filter { wanted[$0] > 0 }, best) {
            candidates[row] = best.prefix(wanted[row]).map { vocabulary.token($0.column) }
            // A vocabulary with fewer tokens than the tree has ranks: the last one stands for those that are not there.
            if let last = candidates[row].last, best.count < wanted[row] {
                candidates[row] += [Int32](repeating: last, count: wanted[row] - best.count)
            }
        }
        return candidates
    }
}
