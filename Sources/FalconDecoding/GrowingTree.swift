import FalconDraft

/// A `DynamicTree` in the making, draft pass by draft pass: the probabilities of a pass's rows settle which ranks
/// become nodes, then come their tokens, then it is known which nodes the next pass continues.
///
/// With a head that corrects a row by the token before it, the shape of a block still rests on what its rows gave
/// without: it is settled before the first of the block's tokens is drawn.
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
    /// Of the pass that is settled.
    private(set) var rankings: PassRankings
    private let byParent: Bool
    /// The blocks that the next pass continues; none for the first.
    private(set) var continuations: [DraftSession.Continuation] = []
    private(set) var isDone: Bool

    /// - Parameter deepest: the depth of the deepest node that is of use.
    init(_ plan: DynamicTree, deepest: Int, byParent: Bool = false) {
        (self.plan, self.deepest, self.byParent) = (plan, deepest, byParent)
        rankings = PassRankings([], blockSize: plan.blockSize, byParent: byParent)
        passLimit = min(plan.passLimit, (max(0, deepest) + plan.blockSize - 1) / plan.blockSize)
        isDone = passLimit == 0
    }

    /// Settles which ranks of the pass's rows become nodes.
    ///
    /// - Parameter probabilities: of each row, the largest first.
    mutating func settle(_ probabilities: [[Double]]) {
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
        let next = growth.blocks.dropFirst(blocks.count).compactMap { number[$0] }
            .filter { nodes[$0].depth == (pass + 1) * blockSize }
            .sorted { paths[$0].lexicographicallyPrecedes(paths[$1]) }
        settled = (firstRow, firstNode, next)
        tokens += [Int32](repeating: 0, count: nodes.count - firstNode)
        rankings = PassRankings(
            nodes[firstNode...].map { (row(of: $0) - firstRow, $0.parent, $0.rank) }, blockSize: blockSize,
            byParent: byParent, rows: probabilities.count)
    }

    /// Takes the tokens of one step of the rankings, each ranking's in the order of the ranks.
    mutating func take(_ candidates: [[Int32]], of step: Range<Int>) {
        for index in settled.firstNode..<nodes.count {
            let node = nodes[index]
            guard let ranking = rankings.index(row: row(of: node) - settled.firstRow, below: node.parent),
                step.contains(ranking)
            else { continue }
            tokens[index] = candidates[ranking - step.lowerBound][node.rank]
        }
    }

    /// Goes on to the next pass, when all steps of this one are taken.
    mutating func endPass() {
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

    /// A node's token, as far as its pass is taken.
    func token(of node: Int) -> Int32 { tokens[node] }

    /// What came of it.
    struct Result {
        let tree: TokenTree
        /// Of each of the tree's nodes.
        let tokens: [Int32]
        /// How many of them should be accepted.
        let expectedAccepted: Double
        /// The tree's number of each node as they came about.
        let numbers: [Int]
    }

    var result: Result {
        guard !nodes.isEmpty else {
            return Result(tree: .none(blockSize: plan.blockSize), tokens: [], expectedAccepted: 0, numbers: [])
        }
        // Every path hangs on another, so this is a tree.
        guard let tree = try? TokenTree(name: "dynamic", blockSize: plan.blockSize, paths: paths) else {
            preconditionFailure("\(paths) are no tree")
        }
        var place: [[Int]: Int] = [:]
        for (index, node) in tree.nodes.enumerated() { place[node.path] = index }
        let numbers = paths.map { place[$0] ?? 0 }
        var inOrder = tokens
        for (token, number) in zip(tokens, numbers) { inOrder[number] = token }
        return Result(
            tree: tree, tokens: inOrder, expectedAccepted: nodes.reduce(0) { $0 + $1.reach }, numbers: numbers)
    }
}
