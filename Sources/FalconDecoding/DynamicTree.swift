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

    /// The best tree that goes on from here, with a pass more or without.
    func grow(
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
