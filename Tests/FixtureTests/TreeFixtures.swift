import FalconDecoding
import FalconInspection
import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation

extension FixtureFamily {
    /// Trees by the library and `falcon-inspect tree`; their verification by a target and their drafting by a head by
    /// the libraries.
    static let tree = FixtureFamily(name: "tree") { folder in
        let trees = FixtureFolder(path: folder + "/tree")
        var jobs: [FixtureJob] = []
        for name in try trees.contents {
            if name.hasSuffix(".json") {
                jobs.append(FixtureJob { try compareFile(try trees.json(name), name, &$0) })
            } else if FixtureFolder(path: trees[name]).has("case.json") {
                let test = FixtureFolder(path: trees[name])
                jobs.append(
                    FixtureJob(name) { comparison in
                        let description = try test.json("case.json")
                        if description["drafter"] != nil {
                            try compareDrafting(test, description, root: folder, &comparison)
                        } else {
                            try compareVerification(test, description, root: folder, &comparison)
                        }
                    })
            }
        }
        return jobs
    }

    /// One tree, or a list of trees that must be refused.
    private static func compareFile(_ document: JSONValue, _ name: String, _ record: inout FixtureRecord) throws {
        let scratch = try TemporaryFolder()
        func run(_ choices: JSONValue?, _ k: JSONValue?, _ more: [String]) throws -> CommandRunner.Result {
            let toml = try scratch.write("paths = \((choices ?? .null).text())\n", to: "tree.toml")
            return try CommandRunner.run(
                "falcon-inspect", ["tree", "--tree", toml, "--block-size", "\(k?.integer ?? -1)", "--quiet"] + more)
        }
        if let refused = document.array {
            for (number, entry) in refused.enumerated() {
                record.check("\(name) \(number) (\(entry["why"]?.string ?? ""))") { comparison in
                    let result = try run(entry["choices"], entry["k"], [])
                    comparison.expect(
                        !result.wasKilled && [1, 64].contains(result.status), "ended with \(result.status)")
                    comparison.expect(!result.stderr.isEmpty, "is refused without a word")
                }
            }
            return
        }
        record.check(name) { comparison in
            let choices = document["choices"].rows
            let tree = try TokenTree(name: "tree", blockSize: document["k"]?.integer ?? 0, paths: choices)
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            let layout = try JSONValue(parsing: Array(encoder.encode(TreeLayout(tree))), from: name)
            compareLayout(TreeFigures(layout), document, &comparison)

            let result = try run(document["choices"], document["k"], ["--json", "-"])
            if isTidy(choices) {
                guard result.status == 0 else { throw FileError(name, result.stderr) }
                let printed = try JSONValue(parsing: Array(result.stdout.utf8), from: "falcon-inspect tree")
                comparison.expect(printed == layout, "falcon-inspect tree prints another layout than the library has")
            } else {
                // The authors' lists repeat paths and leave ranks out; a file written by hand may not.
                comparison.equal(result.status, 1, "the exit status for a list with repeated paths or gaps")
                comparison.equal(result.stderr.split(separator: "\n").count, 1, "the lines of its error")
            }
        }
    }

    /// Whether no path is listed twice and no rank left out before a worse one.
    private static func isTidy(_ paths: [[Int]]) -> Bool {
        let known = Set(paths)
        return known.count == paths.count
            && paths.allSatisfy { path in
                guard let rank = path.last, rank > 0 else { return true }
                return known.contains(path.dropLast() + [rank - 1])
            }
    }

    private static func compareLayout(_ tree: TreeFigures, _ golden: JSONValue, _ comparison: inout Comparison) {
        comparison.equal(tree.paths, golden["unique_nodes"].rows, "unique_nodes")
        comparison.equal(tree.parents, golden["parent"].integers, "parent")
        comparison.equal(tree.depths, golden["depth"].integers, "depth")
        comparison.equal(tree.rootToLeaf, golden["root_to_leaf"].rows, "root_to_leaf")
        comparison.equal(
            [tree.passes, tree.draftRows, tree.depths.max()],
            ["draft_forward_passes", "draft_rows_total", "max_depth"].map { golden[$0]?.integer }, "passes, rows, depth"
        )
        if golden["ancestors_and_self"] != nil {
            comparison.equal(
                tree.paths.indices.map(tree.ancestors), golden["ancestors_and_self"].rows, "ancestors_and_self")
        }
        for (node, source) in (golden["node_source"]?.array ?? []).enumerated() {
            let expected = ["draft_pass", "block", "slot", "rank", "row"].map { source[$0]?.integer }
            comparison.equal(tree.sources[node] + [tree.row(of: node)], expected, "node_source \(node)")
        }
        for (expansion, pass) in zip(tree.expansions, golden["draft_passes"]?.array ?? []) {
            comparison.equal(expansion.map { tree.paths[$0.nodes.last ?? 0] }, pass["blocks"].rows, "blocks")
            comparison.equal(expansion.map(\.parent), pass["parent_block"].integers, "parent_block")
            let top = golden["top_k"]?.integer ?? 0
            let indices = expansion.map { $0.nodes.map { tree.index(in: $0) * top + (tree.sources[$0][3] ?? 0) } }
            comparison.equal(indices, pass["token_index_in_previous_pass"].rows, "token_index_in_previous_pass")
        }
        compareVerificationLayout(tree, golden, &comparison)
    }

    /// The authors' layout puts k root tokens before the nodes and keeps duplicates as rows of their own.
    private static func compareVerificationLayout(
        _ tree: TreeFigures, _ golden: JSONValue, _ comparison: inout Comparison
    ) {
        guard let layout = golden["verify_listed"], let k = golden["k"]?.integer else { return }
        let choices = layout["sorted_choices"].rows
        let nodes = choices.map { tree.paths.firstIndex(of: $0) ?? -1 }
        let duplicates = layout["duplicate_of"].integers
        // The row that stands for each node: the first that lists it.
        let rowOfNode = Dictionary(nodes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        for (row, node) in nodes.enumerated() {
            guard node >= 0 else { return comparison.fail("choice \(choices[row]) is no node") }
            var mask = [Character](repeating: "1", count: k) + [Character](repeating: "0", count: choices.count)
            for ancestor in tree.ancestors(node).dropLast() { mask[k + (rowOfNode[ancestor] ?? 0)] = "1" }
            mask[k + row] = "1"
            comparison.equal(String(mask), layout["attention_mask"]?.array?[k + row].string, "attention_mask \(row)")
            comparison.equal(
                k - 1 + tree.depths[node], layout["position_ids"].integers[k + row], "position_ids \(row)")
            let token = k + tree.row(of: node) * (golden["top_k"]?.integer ?? 0) + (tree.sources[node][3] ?? 0)
            comparison.equal(token, layout["token_index"].integers[k + row], "token_index \(row)")
            let original = rowOfNode[node].map { $0 == row ? -1 : $0 }
            if row < duplicates.count { comparison.equal(original, duplicates[row], "duplicate_of \(row)") }
        }
        let longest = tree.rootToLeaf.map(\.count).max() ?? 0
        let paths = tree.rootToLeaf.map { path in
            Array(0..<k) + path.map { k + (rowOfNode[$0] ?? 0) } + [Int](repeating: -1, count: longest - path.count)
        }
        comparison.equal(Set(paths), Set(layout["retrieve_indices"].rows), "retrieve_indices")
    }
}

/// What `falcon-inspect tree --json` says.
private struct TreeFigures {
    let blockSize, passes, draftRows: Int?
    let paths, rootToLeaf: [[Int]]
    let parents, depths: [Int]
    /// pass, block, offset and rank of each node.
    let sources: [[Int?]]
    let expansions: [[(parent: Int, nodes: [Int])]]

    init(_ layout: JSONValue) {
        let nodes = layout["nodes"]?.array ?? []
        blockSize = layout["block_size"]?.integer
        (passes, draftRows) = (layout["draft_passes"]?.integer, layout["draft_rows"]?.integer)
        paths = nodes.map { $0["path"].integers }
        rootToLeaf = layout["root_to_leaf"].rows
        (parents, depths) = (nodes.map { $0["parent"]?.integer ?? -2 }, nodes.map { $0["depth"]?.integer ?? -1 })
        sources = nodes.map { node in ["pass", "block", "offset", "rank"].map { node[$0]?.integer } }
        expansions = (layout["expansions"]?.array ?? []).map { pass in
            (pass.array ?? []).map { ($0["parent"]?.integer ?? -1, $0["nodes"].integers) }
        }
    }

    func ancestors(_ node: Int) -> [Int] {
        var path = [node]
        while parents[path[0]] >= 0 { path.insert(parents[path[0]], at: 0) }
        return path
    }

    /// The node's row among those of its pass.
    func index(in node: Int) -> Int { (sources[node][1] ?? 0) * (blockSize ?? 0) + (sources[node][2] ?? 0) }

    /// The node's row among those of all passes.
    func row(of node: Int) -> Int {
        let pass = sources[node][0] ?? 0
        let blocks = pass == 0 ? 0 : 1 + expansions.prefix(pass - 1).reduce(0) { $0 + $1.count }
        return blocks * (blockSize ?? 0) + index(in: node)
    }
}

extension JSONValue? {
    var integers: [Int] { (self?.array ?? []).compactMap(\.integer) }
    var rows: [[Int]] { (self?.array ?? []).map { Optional($0).integers } }
}
