import FalconDraft

/// A tree that is filled with candidates, draft pass by draft pass.
struct TreeFilling {
    let tree: TokenTree
    /// A token for each node, as far as it is filled.
    private(set) var tokens: [Int32]
    /// The draft pass that comes next or is being filled.
    private(set) var pass = 0
    /// Where the blocks of the pass before begin in the session's numbering.
    private var firstBlock = 0
    /// Of the pass.
    private(set) var rankings: PassRankings
    private let byParent: Bool

    /// - Parameter byParent: whether each parent has rankings of its own (see `PassRankings`).
    init(_ tree: TokenTree, byParent: Bool = false) {
        (self.tree, self.byParent) = (tree, byParent)
        tokens = [Int32](repeating: 0, count: tree.nodes.count)
        rankings = tree.rankings(pass: 0, byParent: byParent)
    }

    var isDone: Bool { pass == tree.passCount }

    /// The blocks that the next pass continues, which is not the first one.
    var continuations: [DraftSession.Continuation] {
        tree.expansions[pass - 1].map { (firstBlock + $0.parent, $0.nodes.map { tokens[$0] }) }
    }

    /// Takes the candidates of one step of the rankings.
    mutating func take(_ candidates: [[Int32]], of step: Range<Int>) {
        for (index, node) in tree.nodes.enumerated() where node.pass == pass {
            guard let ranking = rankings.index(row: tree.row(of: node), below: node.parent), step.contains(ranking)
            else { continue }
            tokens[index] = candidates[ranking - step.lowerBound][node.rank]
        }
    }

    /// Goes on to the next pass, when all steps of this one are taken.
    mutating func endPass() {
        if pass > 0 { firstBlock += pass == 1 ? 1 : tree.expansions[pass - 2].count }
        pass += 1
        rankings = tree.rankings(pass: pass, byParent: byParent)
    }
}

extension TokenTree {
    /// The row of its pass that a node is read from.
    func row(of node: Node) -> Int { node.block * blockSize + node.offset }

    /// The rankings of a draft pass.
    func rankings(pass: Int, byParent: Bool) -> PassRankings {
        PassRankings(
            nodes.lazy.filter { $0.pass == pass }.map { (row(of: $0), $0.parent, $0.rank) }, blockSize: blockSize,
            byParent: byParent)
    }
}
