import FalconDraft

/// A tree that is filled with candidates, draft pass by draft pass.
struct TreeFilling {
    let tree: TokenTree
    /// A token for each node, as far as it is filled.
    private(set) var tokens: [Int32]
    /// The draft pass that comes next.
    private(set) var pass = 0
    /// Where the blocks of the pass before begin in the session's numbering.
    private var firstBlock = 0
    /// How many candidates each row is asked for, by pass.
    private let wanted: [[Int]]

    init(_ tree: TokenTree) {
        self.tree = tree
        tokens = [Int32](repeating: 0, count: tree.nodes.count)
        wanted = tree.candidatesPerRow
    }

    var isDone: Bool { pass == tree.passCount }

    /// How many candidates each row of the next pass is asked for.
    var candidates: [Int] { wanted[pass] }

    /// The blocks that the next pass continues, which is not the first one.
    var continuations: [DraftSession.Continuation] {
        tree.expansions[pass - 1].map { (firstBlock + $0.parent, $0.nodes.map { tokens[$0] }) }
    }

    /// Takes the candidates of the next pass's rows.
    mutating func take(_ rows: [[Int32]]) {
        for (index, node) in tree.nodes.enumerated() where node.pass == pass {
            tokens[index] = rows[node.block * tree.blockSize + node.offset][node.rank]
        }
        if pass > 0 { firstBlock += pass == 1 ? 1 : tree.expansions[pass - 2].count }
        pass += 1
    }
}
