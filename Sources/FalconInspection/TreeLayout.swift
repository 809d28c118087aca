import FalconDecoding

/// A draft tree as figures for other programs: where each node's token is read, and what each pass is fed.
package struct TreeLayout: Sendable, Encodable {
    package struct Node: Sendable, Encodable {
        package let path: [Int]
        /// The node above, -1 for the root.
        package let parent: Int
        package let depth: Int
        /// The draft pass, its block, the row inside the block and the place in that row's ranking.
        package let pass, block, offset, rank: Int
    }

    package struct Block: Sendable, Encodable {
        /// The block of the pass before whose features it takes.
        package let parent: Int
        /// The nodes whose tokens it takes.
        package let nodes: [Int]
    }

    package let name: String
    package let blockSize, depth, draftPasses, draftRows: Int
    package let nodes: [Node]
    /// For each draft pass after the first, its blocks.
    package let expansions: [[Block]]
    /// For each leaf, the nodes from the root down to it.
    package let rootToLeaf: [[Int]]

    package init(_ tree: TokenTree) {
        (name, blockSize, depth) = (tree.name, tree.blockSize, tree.depth)
        (draftPasses, draftRows) = (tree.passCount, tree.draftRowCount)
        nodes = tree.nodes.map {
            Node(
                path: $0.path, parent: $0.parent, depth: $0.depth, pass: $0.pass, block: $0.block, offset: $0.offset,
                rank: $0.rank)
        }
        expansions = tree.expansions.map { $0.map { Block(parent: $0.parent, nodes: $0.nodes) } }
        rootToLeaf = tree.rootToLeafPaths
    }

    enum CodingKeys: String, CodingKey {
        case name, depth, nodes, expansions
        case blockSize = "block_size", draftPasses = "draft_passes", draftRows = "draft_rows"
        case rootToLeaf = "root_to_leaf"
    }
}
