/// Grows a tree while it is drafted: by what the draft head thinks of its candidates in this very round, where it has
/// been asked, and by what is known of the head on average below that.
///
/// Each draft pass decides three things in this order: which ranks of its rows become nodes, which tokens they are,
/// and which nodes the next pass continues. The shape of a block so depends on the probabilities of its rows and on
/// tokens of earlier passes, never on the tokens that are drawn for it, and a node once there stays. Hence a drawn
/// child is a draw without replacement whatever happens elsewhere, and recursive rejection stays exact: at each node,
/// the number of children was fixed before the first of them was drawn. (A tree pruned by the probabilities of the
/// tokens that came out, as greedy dynamic trees are, would have another distribution than the target's.)
struct DynamicTree {
    /// Blocks to draft: the block that each continues, and its k tokens.
    typealias Continuation = (parent: Int, tokens: [Int32])

    let blockSize: Int
    /// What a tree is to be the best at.
    let aim: TreeGrowth.Aim
    /// The most nodes.
    let nodeLimit: Int
    /// The most draft passes.
    let passLimit: Int
    let cost: CostCurve
    let estimate: RankEstimate
    let confidence: Confidence

    /// - Parameters:
    ///   - deepest: the depth of the deepest node that is of use.
    ///   - rank: drafts blocks (for the first pass none is given) and gives the probabilities of each of their rows,
    ///     the largest first.
    ///   - choose: gives so many tokens for each row of the blocks drafted last, in the order of the ranks.
    /// - Returns: the tree, a token for each of its nodes, and how many of them should be accepted.
    func draft(
        deepest: Int, rank: ([Continuation]) -> [[Double]], choose: ([Int]) -> [[Int32]]
    ) -> (tree: TokenTree, tokens: [Int32], expectedAccepted: Double) {
        var nodes: [TreeGrowth.Node] = []
        var (tokens, paths): ([Int32], [[Int]]) = ([], [])
        var blocks: [Int] = []
        var shares: [[Double]] = []
        var continuations: [Continuation] = []
        for pass in 0..<min(passLimit, (deepest + blockSize - 1) / blockSize) {
            let firstRow = shares.count
            shares += rank(continuations).map { probabilities in
                var last = 1.0
                return probabilities.enumerated().map { rank, probability in
                    last = min(last, confidence.share(probability, rank: rank, isFirstPass: pass == 0))
                    return last
                }
            }
            let growth = grow(nodes, blocks: blocks, pass: pass, deepest: deepest, shares: shares)

            // This pass's nodes are settled; those below only told which of them are worth continuing.
            var number: [Int: Int] = [:]
            for index in nodes.indices { number[index] = index }
            let settled = nodes.count
            for (index, node) in growth.nodes.enumerated().dropFirst(settled)
            where node.depth <= (pass + 1) * blockSize {
                number[index] = nodes.count
                let parent = node.parent < 0 ? -1 : number[node.parent] ?? -1
                nodes.append(
                    TreeGrowth.Node(
                        parent: parent, depth: node.depth, rank: node.rank, block: node.block,
                        isStraight: node.isStraight, reach: node.reach))
                paths.append((parent < 0 ? [] : paths[parent]) + [node.rank])
            }
            func row(_ node: TreeGrowth.Node) -> Int {
                node.block * blockSize + (node.depth - 1) % blockSize - firstRow
            }
            var wanted = [Int](repeating: 0, count: shares.count - firstRow)
            for node in nodes[settled...] { wanted[row(node)] = max(wanted[row(node)], node.rank + 1) }
            let chosen = choose(wanted)
            for node in nodes[settled...] { tokens.append(chosen[row(node)][node.rank]) }

            let next = growth.blocks.dropFirst(blocks.count).compactMap { number[$0] }
                .filter { nodes[$0].depth == (pass + 1) * blockSize }
                .sorted { paths[$0].lexicographicallyPrecedes(paths[$1]) }
            guard !next.isEmpty else { break }
            blocks += next
            continuations = next.map { end in
                var path = [end]
                while path.count < blockSize { path.append(nodes[path[path.count - 1]].parent) }
                return (nodes[end].block, path.reversed().map { tokens[$0] })
            }
        }
        // Every path hangs on another, so this is a tree.
        guard let tree = try? TokenTree(name: "dynamic", blockSize: blockSize, paths: paths) else {
            preconditionFailure("\(paths) are no tree")
        }
        var tokenOfPath: [[Int]: Int32] = [:]
        for (path, token) in zip(paths, tokens) { tokenOfPath[path] = token }
        return (tree, tree.nodes.map { tokenOfPath[$0.path] ?? 0 }, nodes.reduce(0) { $0 + $1.reach })
    }

    /// The best tree that goes on from here, with a pass more or without.
    private func grow(
        _ nodes: [TreeGrowth.Node], blocks: [Int], pass: Int, deepest: Int, shares: [[Double]]
    ) -> TreeGrowth {
        let start = TreeGrowth(blockSize: blockSize, nodes: nodes, blocks: blocks, pass: pass) { place in
            let row = place.block * blockSize + (place.depth - 1) % blockSize
            if row < shares.count { return place.rank < shares[row].count ? shares[row][place.rank] : 0 }
            return estimate.share(depth: place.depth, rank: place.rank, isStraight: place.isStraight)
        }
        var best: (growth: TreeGrowth, score: Double)?
        for passes in pass + 1...max(pass + 1, min(passLimit, pass + 3)) {
            var growth = start
            let score = growth.grow(
                for: aim, passes: passes, deepest: deepest, limit: nodeLimit, cost: cost
            ).score
            if score > best?.score ?? -.infinity { best = (growth, score) }
        }
        return best?.growth ?? start
    }
}
