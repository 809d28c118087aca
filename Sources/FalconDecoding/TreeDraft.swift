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
        let (size, wanted) = (tree.blockSize, tree.candidatesPerRow)
        var tokens = [Int32](repeating: 0, count: tree.nodes.count)
        var features = first
        // Where each pass's blocks begin in the session's numbering.
        var firstBlock = 0
        for pass in 0..<tree.passCount {
            if pass > 0 {
                let blocks = tree.expansions[pass - 1]
                let previous = firstBlock
                firstBlock += pass == 1 ? 1 : tree.expansions[pass - 2].count
                features = session.expand(
                    blocks.map { (previous + $0.parent, $0.nodes.map { tokens[$0] }) }, on: pool)
            }
            let rows = candidates(features, wanted[pass])
            for (index, node) in tree.nodes.enumerated() where node.pass == pass {
                tokens[index] = rows[node.block * size + node.offset][node.rank]
            }
            let now = clock()
            seconds.append(now - before)
            before = now
        }
        return (tokens, tree, seconds)
    }

    /// The best candidates of each row by the LM head.
    ///
    /// - Parameter logits: `[rows, hidden]` to `[rows, vocabulary]`; asked for the rows that are wanted only.
    static func best(_ features: Tensor, _ wanted: [Int], logits: (Tensor) -> Tensor) -> [[Int32]] {
        let rows = wanted.indices.filter { wanted[$0] > 0 }
        let ranked = logits(rows.count == wanted.count ? features : features.rows(rows))
        var candidates = [[Int32]](repeating: [], count: wanted.count)
        for (row, best) in zip(rows, ranked.largest(wanted.max() ?? 0)) { candidates[row] = best.map(\.column) }
        return candidates
    }
}
