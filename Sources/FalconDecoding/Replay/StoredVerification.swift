/// What the target would have made of a draft tree, as far as a stored text tells.
struct StoredVerification: Equatable {
    /// The accepted nodes, from the root's child down. The last one may be off the text.
    let path: [Int]
    /// The stored tokens that the pass goes over: those of the accepted nodes on the text, and the next one.
    let tokens: [Int32]
    /// The accepted nodes' tokens and the target's own one behind them, as far as it is known: what live decoding would
    /// have put into the text.
    let chosen: [Int32]
    /// How many of the accepted nodes are on the text.
    let onText: Int
    /// Whether the last accepted node is off the text and has children, of which nothing is known.
    let isCut: Bool

    /// - Parameters:
    ///   - nodeTokens: one for each node of the tree.
    ///   - stored: the text from the newest committed token on, to the answer's last one.
    ///   - choices: the target's own token behind each of `stored` but the last.
    init(tree: TokenTree, nodeTokens: [Int32], stored: ArraySlice<Int32>, choices: ArraySlice<Int32>) {
        precondition(stored.count == choices.count + 1, "\(choices.count) choices behind \(stored.count) tokens")
        let (stored, choices) = (Array(stored), Array(choices))
        /// No token: behind a node off the text, and behind the text's end, the target accepts nothing that is known.
        let unknown: Int32 = -1
        func choice(_ depth: Int) -> Int32 { depth < choices.count ? choices[depth] : unknown }
        var isOnText = [Bool](repeating: false, count: nodeTokens.count)
        var targetTokens = [choice(0)]
        for (index, node) in tree.nodes.enumerated() {
            isOnText[index] =
                (node.parent < 0 || isOnText[node.parent]) && node.depth < stored.count
                && nodeTokens[index] == stored[node.depth]
            targetTokens.append(isOnText[index] ? choice(node.depth) : unknown)
        }
        let verified = GreedyVerification(tree: tree, nodeTokens: nodeTokens, targetTokens: targetTokens)
        path = verified.path
        chosen = verified.tokens.filter { $0 != unknown }
        onText = path.count { isOnText[$0] }
        tokens = Array(stored[1..<min(onText + 2, stored.count)])
        if let last = path.last, !isOnText[last] {
            isCut = tree.nodes.contains { $0.parent == last }
        } else {
            isCut = false
        }
    }
}
