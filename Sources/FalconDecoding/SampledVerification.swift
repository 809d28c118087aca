import FalconTensor

/// What one target pass over a draft tree decided when tokens are sampled.
///
/// Recursive rejection without replacement: the children of a node were drawn one after the other from the draft's
/// distribution q, each from what the ones before left. The first child is accepted with probability p(x) / q(x);
/// when it is not, p becomes max(p - q, 0) and q loses x, both normalised, and the next child is tried. A rejected
/// last child leaves a p from which the target's own token is drawn. So every token has exactly the target's
/// distribution (Leviathan et al. 2023, theorem for one child; Yang et al. 2024 and Jeon et al. 2024 for several).
///
/// Nodes that were added from the text's own n-grams propose a token for certain. They come behind a node's drawn
/// children: a token is drawn from the p that those left, and where an added child has it, the path goes on there.
/// That is rejection with q = 1 for one token after the other; and where nothing was drawn it takes the very numbers
/// that plain decoding takes.
struct SampledVerification: Equatable {
    /// The accepted nodes, from the root's child down.
    let path: [Int]
    /// Their tokens, then one that the target drew itself.
    let tokens: [Int32]

    /// - Parameters:
    ///   - tree: ranks without gaps: rank j is the j-th token that was drawn from its row.
    ///   - addedParents: of each node that was added; nodes are numbered through both.
    ///   - nodeTokens: one for each node.
    ///   - proposal: the draft's distribution that a node's children were drawn from, one after the other; -1 for those
    ///     of the root. Asked for nodes only that have drawn children.
    ///   - target: the target's distribution after row 0, the root, or after node i in row i + 1.
    init(
        tree: TokenTree, addedParents: [Int] = [], nodeTokens: [Int32],
        proposal: (_ node: Int) -> TokenDistribution, target: (_ row: Int) -> TokenDistribution,
        random: inout RandomSource
    ) {
        var path: [Int] = []
        let drawn = tree.nodes.count
        var children = [[Int]](repeating: [], count: drawn + addedParents.count + 1)
        for (index, node) in tree.nodes.enumerated() { children[node.parent + 1].append(index) }
        for (index, parent) in addedParents.enumerated() { children[parent + 1].append(drawn + index) }

        var row = 0
        var left = target(row)
        var own: Int32
        descent: while true {
            let drawnChildren = children[row].prefix { $0 < drawn }
            if !drawnChildren.isEmpty {
                var proposal = proposal(row - 1)
                for child in drawnChildren {
                    let token = nodeTokens[child]
                    // Nothing was left to draw from: this child is a stopgap, never accepted.
                    guard proposal[token] > 0 else { continue }
                    if random.uniformDouble() * proposal[token] < left[token] {
                        path.append(child)
                        row = child + 1
                        left = target(row)
                        continue descent
                    }
                    let rest = left.rest(after: proposal)
                    // p = q up to rounding: then p itself is as right as what is left of it.
                    if !rest.isEmpty { left = rest }
                    proposal.remove(token)
                }
            }
            own = left.draw(&random)
            guard let child = children[row].first(where: { $0 >= drawn && nodeTokens[$0] == own }) else { break }
            path.append(child)
            row = child + 1
            left = target(row)
        }
        self.path = path
        tokens = path.map { nodeTokens[$0] } + [own]
    }
}

extension TokenTree {
    /// The same shape with siblings numbered without gaps: for drawing, where "the fourth draw alone" has no
    /// distribution of its own.
    var withoutGaps: TokenTree {
        var renumbered: [[Int]] = []
        var childCount = [Int](repeating: 0, count: nodes.count + 1)
        for node in nodes {
            let above = node.parent < 0 ? [] : renumbered[node.parent]
            renumbered.append(above + [childCount[node.parent + 1]])
            childCount[node.parent + 1] += 1
        }
        // Renumbering keeps parents and limits, so this cannot fail.
        return (try? TokenTree(name: name, blockSize: blockSize, paths: renumbered)) ?? self
    }

    /// Draws candidates for rows, without replacement.
    ///
    /// - Parameter counts: how many of each row.
    /// - Returns: fewer than asked for where a distribution runs dry; then token 0 fills up.
    static func draw(
        _ counts: [Int], from distributions: [TokenDistribution], _ random: inout RandomSource
    ) -> [[Int32]] {
        var rows: [[Int32]] = []
        for (count, distribution) in zip(counts, distributions) {
            var left = distribution
            var drawn: [Int32] = []
            for _ in 0..<count {
                guard !left.isEmpty else {
                    drawn.append(0)
                    continue
                }
                let token = left.draw(&random)
                drawn.append(token)
                left.remove(token)
            }
            rows.append(drawn)
        }
        return rows
    }
}
