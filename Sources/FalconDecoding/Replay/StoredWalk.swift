/// What the target would have made of a draft tree, as far as a stored text tells.
///
/// At each node the target accepts the child that carries its own choice, that is the child of the rank which that
/// choice has in the node's row. So the walk asks for one rank a depth, and whoever answers needs to draft only the
/// blocks that the walk comes through; serving drafts the others too, before it knows that they are in vain.
struct StoredWalk: Equatable {
    /// The accepted nodes, from the root's child down. The last one may be off the text.
    private(set) var path: [Int] = []
    /// How many of them carry the stored text's tokens.
    private(set) var onText = 0
    /// Whether the last accepted node is off the text and has children, of which nothing is known.
    private(set) var isCut = false
    /// Where the target's choices stood in the rankings, those not in the tree included.
    private(set) var looks: [RankStatistics.Look] = []
    /// The stored tokens that the pass goes over: those of the accepted nodes on the text, and the next one.
    let tokens: [Int32]

    /// - Parameters:
    ///   - tree: as deep as is of use.
    ///   - children: of the root and then of each node; may hold nodes of a deeper tree whose beginning this one is.
    ///   - stored: the text from the newest committed token on, to the answer's last one.
    ///   - choices: the target's own token behind each of `stored` but the last.
    ///   - rank: the place of a token among the candidates below a node, -1 for the root; `nil` where there is no
    ///     ranking. Asked for each depth on the way down once.
    init(
        _ tree: TokenTree, children: [[Int]], stored: ArraySlice<Int32>, choices: ArraySlice<Int32>,
        rank: (_ token: Int32, _ node: Int) -> Int?
    ) {
        precondition(stored.count == choices.count + 1, "\(choices.count) choices behind \(stored.count) tokens")
        func below(_ node: Int) -> [Int] { children[node + 1].filter { $0 < tree.nodes.count } }
        var node = -1
        for (depth, choice) in choices.enumerated() {
            guard let place = rank(choice, node) else { break }
            looks.append(RankStatistics.Look(rank: place))
            guard let child = below(node).first(where: { tree.nodes[$0].rank == place }) else { break }
            path.append(child)
            node = child
            guard stored[stored.startIndex + depth + 1] == choice else {
                isCut = !below(child).isEmpty
                break
            }
            onText += 1
        }
        tokens = Array(stored.dropFirst().prefix(onText + 1))
    }
}
