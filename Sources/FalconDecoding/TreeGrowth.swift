/// Grows a draft tree node by node: always what brings the most accepted tokens for the time it costs, and in the end
/// the best of all trees on the way.
///
/// A node's reach is the chance that it is accepted: the product of the shares of its path's ranks. Nodes of one
/// block cost a row of the target's pass each; a node that begins a block costs a block of a draft pass as well, so
/// it comes with the best candidates of the rest of its block, which cost no further draft. A draft pass has a price
/// of its own, whatever is in it: trees are grown for every number of passes, with that price paid in advance.
struct TreeGrowth {
    struct Node {
        /// The node above; -1 below the root.
        let parent: Int
        let depth: Int
        let rank: Int
        /// The draft pass and the block, numbered over all passes, that predict it.
        let block: Int
        /// Whether all ranks from the root down are 0.
        let isStraight: Bool
        /// The chance that it is accepted.
        let reach: Double
    }

    /// A place in a ranking: what the chance of a node depends on, apart from its parent's.
    struct Place {
        let block: Int
        let depth: Int
        let rank: Int
        /// Whether all ranks above are 0.
        let isStraight: Bool
    }

    /// What a tree is to be the best at.
    enum Aim {
        /// The most tokens a second.
        case rate
        /// The most tokens beyond what the time would have brought at this rate: the best single round of many.
        case tokens(perSecond: Double)
        /// The most tokens, whatever it costs.
        case tokensAtAnyPrice
    }

    /// A node that could be added, with the best candidates of the rest of its block where it begins one.
    private struct Offer {
        let node: Node
        let gain: Double
        let rows: Int
        let beginsBlock: Bool
    }

    let blockSize: Int
    /// The chance that the candidate at a place is the target's own token, were everything above it right.
    private let share: (Place) -> Double
    private(set) var nodes: [Node]
    /// Blocks after the first, each by the node that it continues; block b of all is `blocks[b - 1]`.
    private(set) var blocks: [Int]
    private var blockBelow: [Int: Int] = [:]
    /// The first node whose siblings and children can still be chosen.
    private let firstOpen: Int
    private var offers: [Offer] = []
    private var gain: Double

    /// - Parameters:
    ///   - nodes: what is there already, of passes that have been drafted.
    ///   - blocks: the blocks that are there already, those of the pass that comes next included.
    ///   - pass: the draft pass that comes next, the first whose nodes can still be chosen.
    init(
        blockSize: Int, nodes: [Node] = [], blocks: [Int] = [], pass: Int = 0, share: @escaping (Place) -> Double
    ) {
        (self.blockSize, self.nodes, self.blocks, self.share) = (blockSize, nodes, blocks, share)
        firstOpen = nodes.count
        gain = nodes.reduce(0) { $0 + $1.reach }
        for (index, node) in blocks.enumerated() { blockBelow[node] = index + 1 }
        // Every block of the next pass is paid for: its best first candidate is a node whatever it brings.
        if pass == 0 {
            seed(below: -1)
        } else {
            for node in blocks where nodes[node].depth == pass * blockSize { seed(below: node) }
        }
    }

    /// The best tree, and what it is expected to do.
    ///
    /// - Parameters:
    ///   - passes: how many draft passes are run; their price is paid even where one has no node.
    ///   - deepest: the depth of the deepest allowed node.
    ///   - limit: the most nodes.
    mutating func grow(
        for aim: Aim, passes: Int, deepest: Int, limit: Int, cost: CostCurve
    ) -> (score: Double, gain: Double, seconds: Double) {
        func seconds() -> Double { cost.round(nodes: nodes.count, passes: passes, blocks: blocks.count) }
        func score(_ gain: Double, _ seconds: Double) -> Double {
            switch aim {
            case .rate: (1 + gain) / max(seconds, 1e-12)
            case .tokens(let rate): gain - rate * seconds
            case .tokensAtAnyPrice: gain
            }
        }
        var best = (score: score(gain, seconds()), gain: gain, seconds: seconds(), nodes: nodes.count, blocks.count)
        for node in firstOpen..<nodes.count { offer(around: node, passes: passes, deepest: deepest) }
        while nodes.count < limit {
            let here = cost.target[min(nodes.count + 1, cost.target.count - 1)]
            var choice: (index: Int, value: Double)?
            for (index, offer) in offers.enumerated() where nodes.count + offer.rows <= limit {
                let rows = cost.target[min(nodes.count + 1 + offer.rows, cost.target.count - 1)]
                let price = rows - here + (offer.beginsBlock ? cost.block : 0)
                // Free rows are taken by what they bring.
                let value = offer.gain / (price + 1e-6 * (here + 1e-9))
                if value > choice?.value ?? 0 { choice = (index, value) }
            }
            guard let choice else { break }
            take(choice.index, passes: passes, deepest: deepest)
            let now = score(gain, seconds())
            if now > best.score { best = (now, gain, seconds(), nodes.count, blocks.count) }
        }
        nodes.removeSubrange(best.nodes...)
        blocks.removeSubrange(best.4...)
        gain = best.gain
        offers = []
        return (best.score, best.gain, best.seconds)
    }

    /// Adds the best candidate at the start of a block that is there.
    private mutating func seed(below parent: Int) {
        let node = candidate(below: parent, rank: 0, block: parent < 0 ? 0 : blockBelow[parent] ?? 0)
        nodes.append(node)
        gain += node.reach
    }

    private mutating func take(_ index: Int, passes: Int, deepest: Int) {
        let offered = offers.remove(at: index)
        var node = offered.node
        if offered.beginsBlock {
            blocks.append(node.parent)
            blockBelow[node.parent] = blocks.count
            node = candidate(below: node.parent, rank: 0, block: blocks.count)
        }
        for row in 1...offered.rows {
            nodes.append(node)
            gain += node.reach
            let isLast = row == offered.rows
            offer(around: nodes.count - 1, passes: passes, deepest: deepest, siblingOnly: !isLast)
            if !isLast { node = candidate(below: nodes.count - 1, rank: 0, block: node.block) }
        }
    }

    /// Offers the next sibling of a node and its best child.
    private mutating func offer(around index: Int, passes: Int, deepest: Int, siblingOnly: Bool = false) {
        let node = nodes[index]
        if node.rank + 1 < TokenTree.rankLimit {
            offer(candidate(below: node.parent, rank: node.rank + 1, block: node.block), deepest: deepest)
        }
        guard !siblingOnly else { return }
        if node.depth % blockSize != 0 {
            offer(candidate(below: index, rank: 0, block: node.block), deepest: deepest)
        } else if node.depth / blockSize < passes {
            offer(candidate(below: index, rank: 0, block: blocks.count + 1), deepest: deepest, beginsBlock: true)
        }
    }

    private mutating func offer(_ node: Node, deepest: Int, beginsBlock: Bool = false) {
        guard node.depth <= deepest, node.reach > 1e-6 else { return }
        guard beginsBlock else {
            return offers.append(Offer(node: node, gain: node.reach, rows: 1, beginsBlock: false))
        }
        var (gain, rows, reach) = (node.reach, 1, node.reach)
        while rows < blockSize, node.depth + rows <= deepest {
            let place = Place(block: node.block, depth: node.depth + rows, rank: 0, isStraight: node.isStraight)
            reach *= share(place)
            gain += reach
            rows += 1
        }
        offers.append(Offer(node: node, gain: gain, rows: rows, beginsBlock: true))
    }

    private func candidate(below parent: Int, rank: Int, block: Int) -> Node {
        let (depth, isStraight) = parent < 0 ? (1, true) : (nodes[parent].depth + 1, nodes[parent].isStraight)
        let place = Place(block: block, depth: depth, rank: rank, isStraight: isStraight)
        return Node(
            parent: parent, depth: depth, rank: rank, block: block, isStraight: isStraight && rank == 0,
            reach: (parent < 0 ? 1 : nodes[parent].reach) * share(place))
    }

    /// The nodes as a tree, and for each of its nodes the number here.
    func tree(name: String) throws -> (tree: TokenTree, order: [Int]) {
        var paths: [[Int]] = []
        for node in nodes { paths.append((node.parent < 0 ? [] : paths[node.parent]) + [node.rank]) }
        let tree = try TokenTree(name: name, blockSize: blockSize, paths: paths)
        var number: [[Int]: Int] = [:]
        for (index, path) in paths.enumerated() { number[path] = index }
        return (tree, tree.nodes.map { number[$0.path] ?? 0 })
    }
}
