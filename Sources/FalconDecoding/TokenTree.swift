/// A static draft tree: which candidates the draft head proposes, and in which draft pass each of them is read.
///
/// A node is a path of ranks: `[0, 2]` is the candidate of rank 2 (the third best) below the best one. The root is
/// not a node: it is the token that the target chose itself. A draft pass predicts a block of k tokens at once, so
/// a node at depth d is read from pass `(d - 1) / k`, from output row `(d - 1) % k` of the block that continues
/// the node's ancestor at depth `pass * k`:
///
///     k = 2      depth  1     2  |  3       4
///                pass   0     0  |  1       1
///                      [0] ─ [0,0] ─ [0,0,0] ─ [0,0,0,0]      block 0 of pass 1 continues [0,0]
///                         └─ [0,1] ─ [0,1,0]                  block 1 of pass 1 continues [0,1]
///                      [1] ─ [1,0]
///
/// Inside a block the candidates of different offsets are conditionally independent (Falcon, section "Custom-Designed
/// Decoding Tree"), so all children at one offset of one block share one ranking, whatever their parents are.
package struct TokenTree: Sendable, Equatable {
    /// One candidate: where it hangs and where its token comes from.
    package struct Node: Sendable, Equatable {
        /// The ranks from the root down to this node.
        package let path: [Int]
        /// The index of the parent node; -1 below the root.
        package let parent: Int
        /// The draft pass that predicts this node's token, from 0.
        package let pass: Int
        /// The block of that pass.
        package let block: Int
        /// The row inside the block.
        package let offset: Int

        /// The distance from the root, from 1. The node's position is the root's plus its depth.
        package var depth: Int { path.count }
        /// The place in the ranking of that row: 0 is the most likely token.
        package var rank: Int { path[path.count - 1] }
    }

    /// A block that a draft pass after the first is fed with.
    package struct Block: Sendable, Equatable {
        /// The block of the pass before whose predicted features this one takes as input.
        package let parent: Int
        /// The k nodes whose tokens it takes as input, from the shallowest to the one that it continues.
        package let nodes: [Int]
    }

    /// What `--tree` called it.
    package let name: String
    /// k: tokens per draft pass.
    package let blockSize: Int
    /// All nodes, shallow ones first and, at the same depth, in the order of their paths.
    package let nodes: [Node]
    /// The blocks of every draft pass after the first (which has one block: the newest k committed positions).
    package let expansions: [[Block]]

    /// Ranks must be below this, as in the authors' code: nobody gains from the 21st guess.
    package static let rankLimit = 20
    /// The deepest allowed node.
    package static let depthLimit = 64
    /// The largest allowed number of nodes.
    package static let nodeLimit = 1024

    /// - Parameters:
    ///   - paths: one path of ranks for each node, in any order. A path listed more than once counts once. Ranks
    ///     may leave gaps: `[0, 3]` without `[0, 1]` asks for the fourth best candidate only.
    ///   - blockSize: the draft head's k.
    /// - Throws: `TokenTreeError` for a tree that is empty, has a path without its parent, or goes beyond the limits.
    package init(name: String, blockSize: Int, paths: [[Int]]) throws {
        guard blockSize >= 1 else { throw TokenTreeError.blockSize(tree: name, blockSize) }
        let paths = try TokenTree.checked(paths, name: name)

        var indexOfPath: [[Int]: Int] = [:]
        for (index, path) in paths.enumerated() { indexOfPath[path] = index }
        let parents = try paths.map { path in
            guard path.count > 1 else { return -1 }
            guard let parent = indexOfPath[path.dropLast()] else {
                throw TokenTreeError.missingParent(tree: name, path: path)
            }
            return parent
        }

        // A node at the end of a pass is continued by a block of the next pass if it has a child.
        var hasChild = [Bool](repeating: false, count: paths.count)
        for parent in parents where parent >= 0 { hasChild[parent] = true }
        var expansions: [[Block]] = []
        var blockContinuing: [Int: Int] = [:]
        var nodes: [Node] = []
        for (index, path) in paths.enumerated() {
            let (pass, offset) = ((path.count - 1) / blockSize, (path.count - 1) % blockSize)
            let parent = parents[index]
            let block = offset > 0 ? (parent < 0 ? 0 : nodes[parent].block) : (blockContinuing[parent] ?? 0)
            nodes.append(Node(path: path, parent: parent, pass: pass, block: block, offset: offset))
            guard offset == blockSize - 1, hasChild[index] else { continue }
            if expansions.count == pass { expansions.append([]) }
            blockContinuing[index] = expansions[pass].count
            var members = [index]
            while members.count < blockSize { members.append(parents[members[members.count - 1]]) }
            expansions[pass].append(Block(parent: block, nodes: members.reversed()))
        }
        self.init(name: name, blockSize: blockSize, nodes: nodes, expansions: expansions)
    }

    /// A tree without nodes: nothing is drafted.
    static func none(blockSize: Int) -> TokenTree {
        TokenTree(name: "none", blockSize: blockSize, nodes: [], expansions: [])
    }

    private init(name: String, blockSize: Int, nodes: [Node], expansions: [[Block]]) {
        self.name = name
        self.blockSize = blockSize
        self.nodes = nodes
        self.expansions = expansions
    }

    /// The paths without repetition, sorted, or the reason why they are no tree.
    private static func checked(_ paths: [[Int]], name: String) throws -> [[Int]] {
        guard !paths.isEmpty else { throw TokenTreeError.empty(tree: name) }
        for path in paths {
            guard !path.isEmpty else { throw TokenTreeError.emptyPath(tree: name) }
            guard path.count <= depthLimit else { throw TokenTreeError.tooDeep(tree: name, path: path) }
            guard path.allSatisfy({ (0..<rankLimit).contains($0) }) else {
                throw TokenTreeError.rank(tree: name, path: path)
            }
        }
        let unique = Set(paths).sorted { left, right in
            left.count == right.count ? left.lexicographicallyPrecedes(right) : left.count < right.count
        }
        guard unique.count <= nodeLimit else { throw TokenTreeError.tooManyNodes(tree: name, unique.count) }
        return unique
    }

    /// The depth of the deepest node.
    package var depth: Int { nodes.last?.depth ?? 0 }

    /// How often the draft head runs to fill the tree.
    package var passCount: Int { nodes.isEmpty ? 0 : 1 + expansions.count }

    /// Rows that the draft head computes for one tree, over all passes.
    package var draftRowCount: Int { nodes.isEmpty ? 0 : blockSize * (1 + expansions.reduce(0) { $0 + $1.count }) }

    /// The nodes from the one below the root down to `node`, itself included.
    package func ancestorsAndSelf(of node: Int) -> [Int] {
        var path: [Int] = []
        var index = node
        while index >= 0 {
            path.append(index)
            index = nodes[index].parent
        }
        return path.reversed()
    }

    /// Every path from the root to a leaf, as node indices, in the order of the leaves' paths.
    package var rootToLeafPaths: [[Int]] {
        let parents = Set(nodes.map(\.parent))
        return nodes.indices.filter { !parents.contains($0) }
            .sorted { nodes[$0].path.lexicographicallyPrecedes(nodes[$1].path) }
            .map(ancestorsAndSelf(of:))
    }

    /// How many of the best candidates are read from each row: `[pass][block * k + offset]`, 0 where none is.
    package var candidatesPerRow: [[Int]] {
        var counts: [[Int]] = (0..<passCount).map { pass in
            [Int](repeating: 0, count: blockSize * (pass == 0 ? 1 : expansions[pass - 1].count))
        }
        for node in nodes {
            let row = node.block * blockSize + node.offset
            counts[node.pass][row] = max(counts[node.pass][row], node.rank + 1)
        }
        return counts
    }

    /// The tree without the nodes below `depth`: what is worth drafting when fewer tokens may still be generated.
    package func limited(toDepth depth: Int) -> TokenTree {
        guard depth < self.depth else { return self }
        let kept = nodes.prefix { $0.depth <= depth }
        let passes = (max(0, depth) + blockSize - 1) / blockSize
        return TokenTree(
            name: name, blockSize: blockSize, nodes: Array(kept),
            expansions: Array(expansions.prefix(max(0, passes - 1))))
    }
}
