import FalconDraft

/// A `DynamicTree` in the making, draft pass by draft pass: the probabilities of a pass's rows settle which ranks
/// become nodes, then come their tokens, then it is known which nodes the next pass continues.
struct GrowingTree {
    private let plan: DynamicTree
    private let deepest: Int
    /// The most draft passes.
    private let passLimit: Int
    private var pass = 0
    private var nodes: [TreeGrowth.Node] = []
    private var paths: [[Int]] = []
    private var tokens: [Int32] = []
    private var blocks: [Int] = []
    /// By row of all blocks and rank.
    private var shares: [[Double]] = []
    /// Of the pass whose nodes are settled and have no tokens yet.
    private var settled = (firstRow: 0, firstNode: 0, next: [Int]())
    /// The blocks that the next pass continues; none for the first.
    private(set) var continuations: [DraftSession.Continuation] = []
    private(set) var isDone: Bool

    /// - Parameter deepest: the depth of the deepest node that is of use.
    init(_ plan: DynamicTree, deepest: Int) {
        (self.plan, self.deepest) = (plan, deepest)
        passLimit = min(plan.passLimit, (max(0, deepest) + plan.blockSize - 1) / plan.blockSize)
        isDone = passLimit == 0
    }

    /// Settles which ranks of the pass's rows become nodes.
    ///
    /// - Parameter probabilities: of each row, the largest first.
    /// - Returns: how many tokens of each row are wanted.
    mutating func settle(_ probabilities: [[Double]]) -> [Int] {
        let (blockSize, firstRow, firstNode) = (plan.blockSize, shares.count, nodes.count)
        shares += probabilities.map { probabilities in
            var last = 1.0
            return probabilities.enumerated().map { rank, probability in
                last = min(last, plan.confidence.share(probability, rank: rank, isFirstPass: pass == 0))
                return last
            }
        }
        let growth = plan.grow(nodes, blocks: blocks, pass: pass, deepest: deepest, shares: shares)

        // This pass's nodes are settled; those below only told which of them are worth continuing.
        var number: [Int: Int] = [:]
        for index in nodes.indices { number[index] = index }
        for (index, node) in growth.nodes.enumerated().dropFirst(firstNode)
        where node.depth <= (pass + 1) * blockSize {
            number[index] = nodes.count
            let parent = node.parent < 0 ? -1 : number[node.parent] ?? -1
            nodes.append(
                TreeGrowth.Node(
                    parent: parent, depth: node.depth, rank: node.rank, block: node.block,
                    isStraight: node.isStraight, reach: node.reach))
            paths.append((parent < 0 ? [] : paths[parent]) + [node.rank])
        }
        var wanted = [Int](repeating: 0, count: shares.count - firstRow)
        for node in nodes[firstNode...] {
            let row = row(of: node) - firstRow
            wanted[row] = max(wanted[row], node.rank + 1)
        }
        let next = growth.blocks.dropFirst(blocks.count).compactMap { number[$0] }
            .filter { nodes[$0].depth == (pass + 1) * blockSize }
            .sorted { paths[$0].lexicographicallyPrecedes(paths[$1]) }
        settled = (firstRow, firstNode, next)
        return wanted
    }

    /// Takes the tokens of the pass's rows, in the order of the ranks.
    mutating func take(_ chosen: [[Int32]]) {
        for node in nodes[settled.firstNode...] { tokens.append(chosen[row(of: node) - settled.firstRow][node.rank]) }
        pass += 1
        blocks += settled.next
        continuations = settled.next.map { end in
            var path = [end]
            while path.count < plan.blockSize { path.append(nodes[path[path.count - 1]].parent) }
            return (nodes[end].block, path.reversed().map { tokens[$0] })
        }
        isDone = pass == passLimit || settled.next.isEmpty
    }

    private func row(of node: TreeGrowth.Node) -> Int {
        node.block * plan.blockSize + (node.depth - 1) % plan.blockSize
    }

    /// The tree, a token for each of its nodes, and how many of them should be accepted.
    var result: (tree: TokenTree, tokens: [Int32], expectedAccepted: Double) {
        guard !nodes.isEmpty else { return (.none(blockSize: plan.blockSize), [], 0) }
        // Every path hangs on another, so this is a tree.
        guard let tree = try? TokenTree(name: "dynamic", blockSize: plan.blockSize, paths: paths) else {
            preconditionFailure("\(paths) are no tree")
        }
        var tokenOfPath: [[Int]: Int32] = [:]
        for (path, token) in zip(paths, tokens) { tokenOfPath[path] = token }
        return (tree, tree.nodes.map { tokenOfPath[$0.path] ?? 0 }, nodes.reduce(0) { $0 + $1.reach })
    }
}
