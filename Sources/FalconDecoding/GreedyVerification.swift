/// What one target pass over a draft tree decided under greedy decoding.
package struct GreedyVerification: Equatable, Sendable {
    /// The accepted nodes, from the root's child down; empty where no candidate was right.
    package let path: [Int]
    /// The accepted nodes' tokens, then the token that the target itself chose after them.
    package let tokens: [Int32]

    /// Accepts the longest path whose tokens are what the target would have chosen at each step; then the target's
    /// own choice at the path's end comes free (Falcon, "Verification").
    ///
    /// - Parameters:
    ///   - nodeTokens: one token for each node of the tree.
    ///   - targetTokens: the target's choice after the root, then after each node: one more than there are nodes.
    package init(tree: TokenTree, nodeTokens: [Int32], targetTokens: [Int32]) {
        self.init(parents: tree.nodes.map(\.parent), nodeTokens: nodeTokens, targetTokens: targetTokens)
    }

    /// The same for nodes of any origin.
    ///
    /// - Parameter parents: of each node the number of another before it; -1 below the root.
    init(parents: [Int], nodeTokens: [Int32], targetTokens: [Int32]) {
        precondition(
            nodeTokens.count == parents.count && targetTokens.count == parents.count + 1,
            "a tree of \(parents.count) nodes with \(nodeTokens.count) tokens and \(targetTokens.count) choices")
        // 0 for a node that is not accepted.
        var depths = [Int](repeating: 0, count: parents.count)
        var deepest = -1
        for (index, parent) in parents.enumerated() where nodeTokens[index] == targetTokens[parent + 1] {
            guard parent < 0 || depths[parent] > 0 else { continue }
            depths[index] = parent < 0 ? 1 : depths[parent] + 1
            if deepest < 0 || depths[index] > depths[deepest] { deepest = index }
        }
        var path: [Int] = []
        var node = deepest
        while node >= 0 {
            path.append(node)
            node = parents[node]
        }
        self.path = path.reversed()
        tokens = self.path.map { nodeTokens[$0] } + [targetTokens[deepest + 1]]
    }
}

/// When a text ends: at an end-of-text token, or when enough tokens were generated.
package struct StopRule: Sendable {
    /// The tokens that end a text; the one that does so belongs to the text.
    package let endTokens: Set<Int32>
    /// The most tokens that may be generated in all.
    package let maximumTokens: Int
    /// Texts that end a text.
    package let textual: TextualStop?

    package init(endTokens: some Sequence<Int32>, maximumTokens: Int, textual: TextualStop? = nil) {
        self.endTokens = Set(endTokens)
        (self.maximumTokens, self.textual) = (maximumTokens, textual)
    }

    /// How many of the `new` tokens belong to the text, and whether the text ends with them.
    ///
    /// - Parameter tokens: those of the text so far.
    package func admit(_ new: [Int32], after tokens: [Int32]) -> (count: Int, ends: Bool) {
        let room = max(0, maximumTokens - tokens.count)
        var admitted = new.prefix(room)
        var ends = new.count >= room
        if let end = admitted.firstIndex(where: endTokens.contains) { (admitted, ends) = (admitted[...end], true) }
        if let count = textual?.end(of: Array(admitted), after: tokens) { return (count, true) }
        return (admitted.count, ends)
    }
}
