/// How often each node of a tree was looked at and accepted.
package struct NodeStatistics: Equatable, Sendable {
    package let tree: TokenTree
    /// For each node: passes that accepted its parent and then had to decide about its siblings and it.
    package let visited: [Int]
    /// For each node: passes that accepted it.
    package let accepted: [Int]

    /// - Parameter tree: the one that the passes drafted, or as much of it as was allowed.
    package init(tree: TokenTree, passes: some Sequence<DecodedPass>) {
        var visited = [Int](repeating: 0, count: tree.nodes.count)
        var accepted = visited
        let children = tree.children
        for pass in passes {
            var parent = -1
            // Where the text ended with an accepted token, what came behind it was never decided.
            let decided = pass.tokens.count > pass.path.count ? pass.path.count + 1 : pass.path.count
            for depth in 0..<min(decided, pass.treeDepth) {
                for child in children[parent + 1] { visited[child] += 1 }
                guard depth < pass.path.count,
                    let next = children[parent + 1].first(where: { tree.nodes[$0].rank == pass.path[depth] })
                else { break }
                accepted[next] += 1
                parent = next
            }
        }
        (self.tree, self.visited, self.accepted) = (tree, visited, accepted)
    }
}

extension TokenTree {
    /// The children of the root and then of each node, as node indices.
    var children: [[Int]] {
        var children = [[Int]](repeating: [], count: nodes.count + 1)
        for (index, node) in nodes.enumerated() { children[node.parent + 1].append(index) }
        return children
    }
}
