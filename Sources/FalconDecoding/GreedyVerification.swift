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
        precondition(
            nodeTokens.count == tree.nodes.count && targetTokens.count == tree.nodes.count + 1,
            "a tree of \(tree.nodes.count) nodes with \(nodeTokens.count) tokens and \(targetTokens.count) choices")
        var accepted = [Bool](repeating: false, count: nodeTokens.count)
        var deepest = -1
        for (index, node) in tree.nodes.enumerated() {
            accepted[index] =
                (node.parent < 0 || accepted[node.parent]) && nodeTokens[index] == targetTokens[node.parent + 1]
            // Nodes come shallow ones first, so a later one is at least as deep as the best so far.
            if accepted[index], deepest < 0 || node.depth > tree.nodes[deepest].depth { deepest = index }
        }
        path = deepest < 0 ? [] : tree.ancestorsAndSelf(of: deepest)
        tokens = path.map { nodeTokens[$0] } + [targetTokens[deepest + 1]]
    }
}

/// When a text ends: at an end-of-text token, or when enough tokens were generated.
package struct StopRule: Sendable {
    /// The tokens that end a text; the one that does so belongs to the text.
    package let endTokens: Set<Int32>
    /// The most tokens that may be generated in all.
    package let maximumTokens: Int

    package init(endTokens: some Sequence<Int32>, maximumTokens: Int) {
        self.endTokens = Set(endTokens)
        self.maximumTokens = maximumTokens
    }

    /// How many of the `new` tokens belong to the text after `generated` ones, and whether the text ends with them.
    package func admit(_ new: [Int32], after generated: Int) -> (count: Int, ends: Bool) {
        let room = max(0, maximumTokens - generated)
        if let end = new.prefix(room).firstIndex(where: endTokens.contains) { return (end + 1, true) }
        return (min(room, new.count), new.count >= room)
    }
}
