import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconDecoding

@Suite struct TokenTreeTests {
    @Test(arguments: TreeFixture.names)
    func `A tree is laid out as the fixture's brute force lays it out`(_ name: String) throws {
        let expected = try TreeFixture.read(name)
        let tree = try expected.tree
        #expect(tree.nodes.map(\.path) == expected.unique_nodes)
        #expect(tree.nodes.map(\.parent) == expected.parent)
        #expect(tree.nodes.map(\.depth) == expected.depth)
        #expect(tree.depth == expected.max_depth)
        #expect(tree.passCount == expected.draft_forward_passes)
        #expect(tree.draftRowCount == expected.draft_rows_total)
        #expect(tree.rootToLeafPaths == expected.root_to_leaf)
        if let ancestors = expected.ancestors_and_self {
            #expect(tree.nodes.indices.map(tree.ancestorsAndSelf(of:)) == ancestors)
        }
        for (node, source) in zip(tree.nodes, expected.node_source) {
            #expect(node.pass == source.draft_pass && node.block == source.block)
            #expect(node.offset == source.slot && node.rank == source.rank)
            #expect(firstRow(of: node.pass, in: tree) + node.block * tree.blockSize + node.offset == source.row)
        }
    }

    @Test(arguments: TreeFixture.names)
    func `Every draft pass is fed the fixture's blocks`(_ name: String) throws {
        let expected = try TreeFixture.read(name)
        let tree = try expected.tree
        guard let passes = expected.draft_passes else { return }
        #expect(tree.expansions.count == passes.count)
        for (blocks, pass) in zip(tree.expansions, passes) {
            #expect(blocks.map { tree.nodes[$0.nodes[tree.blockSize - 1]].path } == pass.blocks)
            #expect(blocks.map(\.parent) == pass.parent_block)
            let tokenIndices = blocks.map { block in
                block.nodes.map { (index: Int) -> Int in
                    let node = tree.nodes[index]
                    return (node.block * tree.blockSize + node.offset) * expected.top_k + node.rank
                }
            }
            #expect(tokenIndices == pass.token_index_in_previous_pass)
        }
    }

    @Test(arguments: TreeFixture.names)
    func `Verification sees ancestors at their positions and reads every node's own token`(_ name: String) throws {
        let expected = try TreeFixture.read(name)
        let tree = try expected.tree
        guard let layout = expected.verify_listed else { return }
        // The layout puts k root tokens before the nodes; without duplicates, node i is row k + i.
        try #require(layout.sorted_choices == tree.nodes.map(\.path))
        for (index, node) in tree.nodes.enumerated() {
            var mask = [Character](repeating: "0", count: tree.blockSize + tree.nodes.count)
            for root in 0..<tree.blockSize { mask[root] = "1" }
            for ancestor in tree.ancestorsAndSelf(of: index) { mask[tree.blockSize + ancestor] = "1" }
            #expect(String(mask) == layout.attention_mask[tree.blockSize + index])
            #expect(tree.blockSize - 1 + node.depth == layout.position_ids[tree.blockSize + index])
            let row = firstRow(of: node.pass, in: tree) + node.block * tree.blockSize + node.offset
            #expect(tree.blockSize + row * expected.top_k + node.rank == layout.token_index[tree.blockSize + index])
        }
    }

    @Test func `Random trees agree with brute force, for every block size`() throws {
        var random = RandomSource(seed: 41)
        for blockSize in 1...8 {
            for _ in 0..<25 {
                let paths = randomPaths(&random)
                let tree = try TokenTree(name: "random", blockSize: blockSize, paths: paths.shuffled(using: &random))
                expectMatchesBruteForce(tree, paths)
            }
        }
    }

    /// The definition, read literally: a block stands for the node that it continues.
    private func expectMatchesBruteForce(_ tree: TokenTree, _ paths: [[Int]]) {
        let k = tree.blockSize
        #expect(Set(tree.nodes.map(\.path)) == Set(paths) && tree.nodes.count == Set(paths).count)
        var blocks: [[[Int]]] = [[[]]]
        for pass in 1...9 {
            let ends = Set(paths.filter { $0.count > pass * k }.map { Array($0.prefix(pass * k)) })
            blocks.append(ends.sorted { $0.lexicographicallyPrecedes($1) })
        }
        for node in tree.nodes {
            #expect(node.pass * k + node.offset + 1 == node.depth)
            #expect((0..<k).contains(node.offset))
            #expect(blocks[node.pass][node.block] == Array(node.path.prefix(node.pass * k)))
            #expect((node.parent < 0 ? [] : tree.nodes[node.parent].path) == Array(node.path.dropLast()))
        }
        #expect(tree.expansions.count == blocks.dropFirst().prefix { !$0.isEmpty }.count)
        for (pass, expansion) in tree.expansions.enumerated() {
            for (block, expected) in zip(expansion, blocks[pass + 1]) {
                #expect(blocks[pass][block.parent] == Array(expected.prefix(pass * k)))
                let path = (1...k).map { Array(expected.prefix(pass * k + $0)) }
                #expect(block.nodes.map { tree.nodes[$0].path } == path)
            }
        }
    }

    @Test func `A tree cut at a depth equals the tree of the paths that are left`() throws {
        var random = RandomSource(seed: 42)
        for blockSize in 1...4 {
            let paths = randomPaths(&random)
            let tree = try TokenTree(name: "random", blockSize: blockSize, paths: paths)
            for depth in 1...tree.depth + 1 {
                let left = try TokenTree(
                    name: "random", blockSize: blockSize, paths: paths.filter { $0.count <= depth })
                #expect(tree.limited(toDepth: depth) == left)
            }
            let none = tree.limited(toDepth: 0)
            #expect(none.nodes.isEmpty && none.passCount == 0 && none.draftRowCount == 0 && none.depth == 0)
        }
    }

    @Test func `Rows ask for as many candidates as their highest rank needs`() throws {
        let tree = try TokenTree(name: "gaps", blockSize: 2, paths: [[0], [3], [0, 1], [3, 5], [3, 5, 2]])
        #expect(tree.candidatesPerRow == [[4, 6], [3, 0]])
    }

    private func firstRow(of pass: Int, in tree: TokenTree) -> Int {
        guard pass > 0 else { return 0 }
        return tree.blockSize * (1 + tree.expansions.prefix(pass - 1).reduce(0) { $0 + $1.count })
    }
}

/// The paths of a random tree of up to 41 nodes, at most 9 deep, with gaps in the ranks.
func randomPaths(_ random: inout RandomSource, nodes: Int = 40) -> [[Int]] {
    var paths: Set<[Int]> = [[random.below(3)]]
    for _ in 0..<nodes {
        let parents = ([[]] + paths.filter { $0.count < 9 }).sorted { $0.lexicographicallyPrecedes($1) }
        paths.insert(parents[random.below(parents.count)] + [random.below(5)])
    }
    return paths.sorted { $0.lexicographicallyPrecedes($1) }
}
