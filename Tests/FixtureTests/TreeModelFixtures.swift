import FalconDraft
import FalconJSON
import FalconModels
import FalconTensor
import FalconTestSupport

@testable import FalconDecoding

extension FixtureFamily {
    /// One target pass over a whole tree against one plain pass for each of its paths.
    static func compareVerification(
        _ folder: FixtureFolder, _ test: JSONValue, root: String, _ comparison: inout Comparison
    ) throws {
        let golden = try folder.tensors("expected.safetensors")
        let pool = ThreadPool(threadCount: 1)
        let target = try TargetModel(folder: root + "/" + (test["target"]?.string ?? ""), pool: pool)
        let tree = try TokenTree(
            name: folder.name, blockSize: test["k"]?.integer ?? 0, paths: test["unique_nodes"].rows)
        let (prompt, nodeTokens) = (try golden.tokens("prompt_ids"), try golden.tokens("node_tokens"))
        let cache = target.makeCache(capacity: prompt.count + tree.nodes.count + 1)
        _ = target.forward(prompt, cache: cache, on: pool)
        let features = target.forward(
            try golden.tokens("root_token") + nodeTokens, parents: [-1] + tree.nodes.map { $0.parent + 1 },
            cache: cache, on: pool)
        comparison.close(features, try golden.real("final_hidden"), absolute: 2e-4, "final_hidden")
        comparison.close(target.logits(features, on: pool), try golden.real("logits"), absolute: 2e-4, "logits")
        let choices = target.greedyTokens(features, on: pool)
        comparison.equal(choices, try golden.tokens("argmax"), "argmax")
        let verified = GreedyVerification(tree: tree, nodeTokens: nodeTokens, targetTokens: choices)
        comparison.equal(verified.path, test["accepted_nodes"].integers, "accepted_nodes")
        let accepted = test["accepted_tokens"].integers + [test["next_token"]?.integer ?? -1]
        comparison.equal(verified.tokens.map { Int($0) }, accepted, "accepted_tokens and next_token")
    }

    /// A tree filled by a draft head behind a prefix.
    static func compareDrafting(
        _ folder: FixtureFolder, _ test: JSONValue, root: String, _ comparison: inout Comparison
    ) throws {
        let golden = try folder.tensors("expected.safetensors")
        let pool = ThreadPool(threadCount: 1)
        let paths = try JSONValue(path: root + "/" + (test["tree"]?.string ?? ""))["choices"].rows
        let tree = try TokenTree(name: folder.name, blockSize: test["k"]?.integer ?? 0, paths: paths)
        let head = try DraftHead(
            folder: root + "/" + (test["drafter"]?.string ?? ""),
            fusion: test["lstm"]?.string == "over_time" ? .lstm : .gated, pool: pool)
        let features = try golden.real("hidden_states").flat
        let session = DraftSession(
            head: head, capacity: features.rowCount, branchRows: tree.draftRowCount, alignment: .start)
        session.extend(features: features, nextTokens: Array(try golden.tokens("input_ids").dropFirst()), on: pool)
        let headWeight = try golden.real("head.weight")
        var logits: [Tensor] = []
        let choice = TokenChoice(.greedy, prompt: [], pool: pool)
        let drafts = DraftsTogether(
            [.init(session, .tree(tree), choice)], on: pool,
            logits: { features in
                logits.append(Tensor.product(features, headWeight, transposed: (false, true), on: pool))
                return logits[logits.count - 1]
            })
        let draft = drafts.parts[0].draft()
        comparison.equal(draft.tokens, try golden.tokens("node_tokens"), "node_tokens")
        // Rows from which the tree takes nothing are not ranked.
        let rows = tree.candidatesPerRow.flatMap { $0 }.enumerated().filter { $0.element > 0 }.map(\.offset)
        let expected = try golden.real("topk_logit")
        let largest = Tensor.stacked(logits).largest(expected.width).flatMap { $0.map(\.value) }
        comparison.close(
            Tensor(largest, [rows.count, expected.width]), expected.rows(rows), absolute: 1e-4, "topk_logit")
    }
}
