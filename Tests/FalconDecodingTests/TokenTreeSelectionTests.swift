import FalconTestSupport
import Foundation
import Testing

@testable import FalconDecoding

@Suite struct TokenTreeSelectionTests {
    struct InvalidTree: Decodable {
        let k: Int
        let choices: [[Int]]
        let why: String
    }

    @Test func `Every tree of the list of invalid ones is refused`() throws {
        let file = URL(fileURLWithPath: "\(Fixtures.folder)/tree/invalid.json")
        for invalid in try JSONDecoder().decode([InvalidTree].self, from: Data(contentsOf: file)) {
            #expect(throws: TokenTreeError.self, "\(invalid.why)") {
                try TokenTree(name: "invalid", blockSize: invalid.k, paths: invalid.choices)
            }
        }
    }

    @Test func `An orphan's error names the path that is missing`() throws {
        let error = #expect(throws: TokenTreeError.self) {
            try TokenTree(name: "orphan", blockSize: 2, paths: [[0], [0, 1, 0]])
        }
        #expect(error?.description == "tree orphan: path [0, 1, 0] has no parent: list [0, 1] too")
    }

    @Test func `Trees beyond the limits are refused`() {
        let tooDeep = (1...TokenTree.depthLimit + 1).map { [Int](repeating: 0, count: $0) }
        #expect(throws: TokenTreeError.tooDeep(tree: "t", path: tooDeep[TokenTree.depthLimit])) {
            try TokenTree(name: "t", blockSize: 2, paths: tooDeep)
        }
        let tooWide =
            (0..<20).map { [$0] } + (0..<400).map { [$0 / 20, $0 % 20] }
            + (0..<700).map { [$0 / 400, $0 / 20 % 20, $0 % 20] }
        #expect(throws: TokenTreeError.tooManyNodes(tree: "t", tooWide.count)) {
            try TokenTree(name: "t", blockSize: 2, paths: tooWide)
        }
    }

    @Test func `The authors' trees are shipped without duplicates and only for their block size`() throws {
        let shipped = try TokenTree.select("kmask2_8layer_tree", blockSize: 2)
        #expect(shipped == (try TreeFixture.read("kmask2_8layer_tree").tree))
        #expect(try TokenTree.select("kmask2_6layer_tree_complex_2", blockSize: 2).nodes.count == 100)
        let expected = TokenTreeError.otherBlockSize(tree: "kmask2_8layer_tree", treeSize: 2, draftSize: 3)
        #expect(throws: expected) { try TokenTree.select("kmask2_8layer_tree", blockSize: 3) }
    }

    @Test func `What was dropped from the authors' lists is told in one line`() throws {
        #expect(
            TokenTree.cleaning("kmask2_8layer_tree")
                == "tree kmask2_8layer_tree: the authors list 166 paths, 165 different ones are drafted; dropped as "
                + "repeated: [0, 1, 0, 0]")
        let other = try #require(TokenTree.cleaning("kmask2_6layer_tree_complex_2"))
        #expect(other.contains("106 paths, 100 different") && other.hasSuffix("[0, 0, 0, 0, 1, 0, 2, 0]"))
        for option in ["small", "chain:3", "auto", "kmask3_6layer_tree", "x.toml"] {
            #expect(TokenTree.cleaning(option) == nil)
        }
    }

    @Test(arguments: 1...8)
    func `Every shipped size is a tree of its size for every block size`(_ blockSize: Int) throws {
        for size in TokenTree.Size.allCases {
            let tree = try TokenTree.select(size.rawValue, blockSize: blockSize)
            #expect(tree.nodes.count == size.nodeCount)
            #expect(tree.name == size.rawValue && tree.blockSize == blockSize)
        }
    }

    @Test func `Trees for longer blocks go through every pass`() throws {
        for (name, blockSize, depth) in [("kmask3_6layer_tree", 3, 6), ("kmask4_8layer_tree", 4, 8)] {
            let tree = try TokenTree.select(name, blockSize: blockSize)
            #expect(tree.depth == depth && tree.passCount == 2 && tree.nodes.count == 48)
            let expected = TokenTreeError.otherBlockSize(tree: name, treeSize: blockSize, draftSize: 2)
            #expect(throws: expected) { try TokenTree.select(name, blockSize: 2) }
        }
    }

    @Test func `The six-layer tree is the shared fixture's`() throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        let file = URL(fileURLWithPath: "\(shared)/fixtures/tree/kmask2_6layer_tree_complex_2.json")
        let expected = try JSONDecoder().decode(TreeFixture.self, from: Data(contentsOf: file))
        let shipped = try TokenTree.select("kmask2_6layer_tree_complex_2", blockSize: 2)
        #expect(shipped.nodes.map(\.path) == expected.unique_nodes && shipped.nodes.map(\.parent) == expected.parent)
    }

    @Test func `What a hand hardly means is refused in a file`() {
        func error(_ paths: String) -> String? {
            #expect(throws: TokenTreeError.self) {
                try TokenTree(toml: "paths = \(paths)", path: "t.toml", defaultName: "t", blockSize: 2)
            }?.description
        }
        #expect(error("[[0], [1], [0]]") == "tree t lists [0] twice: remove one")
        #expect(error("[[0], [0, 2]]") == "tree t: path [0, 2] leaves a gap in the ranks: list [0, 1] too")
        #expect(error("[[0], [1, 0]]") == "tree t: path [1, 0] has no parent: list [1] too")
        #expect(error("[[0], [20]]") == "tree t: path [20] has a rank outside 0..19")
    }

    @Test func `Dynamic trees have a size that the machine was measured for`() throws {
        for text in ["dynamic:", "dynamic:0", "dynamic:64", "dynamic:x"] {
            #expect(throws: TokenTreeError.dynamicSize(text)) { try DraftShape.select(text, blockSize: 2) }
        }
        #expect(try DraftShape.select("dynamic:63", blockSize: 3).planner?.kind == .dynamic(nodes: 63))
        #expect(try DraftShape.select("auto", blockSize: 2).planner?.name == "auto")
        #expect(try DraftShape.select("chain:3", blockSize: 2).tree?.nodes.count == 3)
    }

    @Test func `A chain has one node a depth`() throws {
        let chain = try TokenTree.select("chain:5", blockSize: 2)
        #expect(chain.nodes.map(\.path) == (1...5).map { [Int](repeating: 0, count: $0) })
        #expect(chain.passCount == 3)
        for text in ["chain:", "chain:0", "chain:-2", "chain:x", "chain:65"] {
            #expect(throws: TokenTreeError.chainLength(text)) { try TokenTree.select(text, blockSize: 2) }
        }
    }

    @Test func `An unknown name lists the known ones`() {
        let error = #expect(throws: TokenTreeError.self) { try TokenTree.select("smal", blockSize: 2) }
        #expect(error?.description.contains("small, medium, large") == true)
        // A planned tree is none that can be drawn or used without decoding.
        let planned = #expect(throws: TokenTreeError.self) { try TokenTree.select("auto", blockSize: 2) }
        #expect(planned?.description.hasPrefix("tree auto comes about while falcon-infer decodes") == true)
    }

    @Test func `The grown tree accepts the most tokens of all trees of its size`() throws {
        // Acceptance 0.5 and 0.3 for the two ranks at any depth: brute force over all trees of 4 nodes, 3 deep.
        let acceptance: [Double] = [0.5, 0.3]
        func value(_ paths: [[Int]]) -> Double {
            paths.reduce(0) { $0 + $1.reduce(1) { $0 * acceptance[$1] } }
        }
        var all: [[Int]] = [[0], [1]]
        for path in all { all += [path + [0], path + [1]] }
        for path in all where path.count == 2 { all += [path + [0], path + [1]] }
        var best = 0.0
        for choice in 0..<(1 << all.count) where choice.nonzeroBitCount == 4 {
            let paths = all.indices.filter { choice >> $0 & 1 == 1 }.map { all[$0] }
            if (try? TokenTree(name: "t", blockSize: 1, paths: paths)) != nil { best = max(best, value(paths)) }
        }
        let grown = try TokenTree.grown(name: "t", blockSize: 1, nodeCount: 4, passCount: 3) { _, _, rank in
            rank < 2 ? acceptance[rank] : 0
        }
        #expect(abs(value(grown.nodes.map(\.path)) - best) < 1e-12)
    }

    @Test func `A tree survives the way through a TOML file`() throws {
        let folder = try TemporaryFolder()
        let tree = try TokenTree(name: "a \"tree\"", blockSize: 3, paths: TreeFixture.read("k3_small").choices)
        try tree.toml.write(toFile: folder.path + "/tree.toml", atomically: true, encoding: .utf8)
        #expect(try TokenTree.select(folder.path + "/tree.toml", blockSize: 3) == tree)
        #expect(throws: TokenTreeError.otherBlockSize(tree: tree.name, treeSize: 3, draftSize: 2)) {
            try TokenTree.select(folder.path + "/tree.toml", blockSize: 2)
        }
        #expect(throws: TokenTreeError.self) { try TokenTree.select(folder.path + "/none.toml", blockSize: 2) }
    }

    @Test(arguments: [
        ("paths = [[0], [0.5]]", "paths must hold whole numbers only"),
        ("paths = [0]", "paths must hold lists of ranks, such as [0, 1]"),
        ("path = [[0]]", "unknown key path: a tree has name, block_size, paths"),
        ("block_size = 2", "paths is missing: list the nodes, such as paths = [[0], [0, 0]]"),
        ("block_size = \"2\"\npaths = [[0]]", "block_size must be a whole number"),
        ("name = 3\npaths = [[0]]", "name must be a string"),
    ])
    func `A wrong tree file gets one line that says what is wrong`(_ text: String, _ problem: String) {
        #expect(throws: TokenTreeError.file(path: "t.toml", problem: problem)) {
            try TokenTree(toml: text, path: "t.toml", defaultName: "t", blockSize: 2)
        }
    }

    @Test func `Text that is no TOML is refused with its line`() {
        let error = #expect(throws: TokenTreeError.self) {
            try TokenTree(toml: "name = \"t\"\npaths = [[0]", path: "t.toml", defaultName: "t", blockSize: 2)
        }
        #expect(error?.description.contains("t.toml: is no TOML") == true)
        #expect(error?.description.contains("\n") == false)
    }
}
