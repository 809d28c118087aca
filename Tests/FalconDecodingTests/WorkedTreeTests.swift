import FalconTensor
import FalconTestSupport
import Testing

@testable import FalconDecoding

/// The figures of `docs/tree.md`, computed by the decoder's own code.
@Suite struct WorkedTreeTests {
    private func tree(_ example: WorkedExample) throws -> TokenTree {
        try TokenTree(
            name: "example", blockSize: try example.integer("block_size"), paths: try example.lists("paths"))
    }

    @Test func `nodes hang and are read as the document says`() throws {
        let example = try WorkedExample("tree.md")
        let tree = try tree(example)
        #expect(try tree.nodes.map(\.path) == example.lists("paths"))
        #expect(try tree.nodes.map(\.parent) == example.integers("parent"))
        #expect(try tree.nodes.map(\.pass) == example.integers("pass"))
        #expect(try tree.nodes.map(\.offset) == example.integers("row"))
        #expect(try tree.passCount == example.integer("draft_passes"))
        #expect(try tree.draftRowCount == example.integer("draft_rows"))
        let ranking = try example.lists("ranking")
        let tokens = tree.nodes.map { ranking[$0.pass * tree.blockSize + $0.offset][$0.rank] }
        #expect(try tokens == example.integers("node_tokens"))
    }

    @Test func `greedy verification accepts the document's path`() throws {
        let example = try WorkedExample("tree.md")
        let result = GreedyVerification(
            tree: try tree(example), nodeTokens: try example.integers("node_tokens").map { Int32($0) },
            targetTokens: try example.integers("target_tokens").map { Int32($0) })
        #expect(try result.path == example.integers("accepted_nodes"))
        #expect(try result.tokens.map { Int($0) } == example.integers("round_tokens"))
    }

    @Test func `rejection leaves the document's distributions, and the target's frequencies`() throws {
        let example = try WorkedExample("tree.md")
        let (p, q) = (try example.numbers("p"), try example.numbers("q"))
        let drawn = try example.integers("drawn").map { Int32($0) }
        let (target, draft) = (TokenDistribution(weights: p), TokenDistribution(weights: q))
        func close(_ found: TokenDistribution, _ key: String) throws {
            #expect(
                try zip(found.probabilities, example.numbers(key)).allSatisfy { abs($0 - $1) < 1e-9 }, "\(found)")
        }
        #expect(try abs(min(1, target[drawn[0]] / draft[drawn[0]]) - example.number("accept_first")) < 1e-9)
        let left = target.rest(after: draft)
        var without = draft
        without.remove(drawn[0])
        try close(left, "p_after_first")
        try close(without, "q_after_first")
        #expect(try abs(min(1, left[drawn[1]] / without[drawn[1]]) - example.number("accept_second")) < 1e-9)

        // Many rounds with two drawn children each: the first token has the probabilities p.
        let tree = try TokenTree(name: "two", blockSize: 1, paths: [[0], [1]])
        let rounds = 40_000
        var (random, counts) = (RandomSource(seed: 5), [0, 0, 0])
        for _ in 0..<rounds {
            let children = TokenTree.draw([2], from: [draft], &random)[0]
            let result = SampledVerification(
                tree: tree, nodeTokens: children, proposal: { _ in draft }, target: { _ in target }, random: &random)
            counts[Int(result.tokens[0])] += 1
        }
        for (count, probability) in zip(counts, p) {
            #expect(abs(Double(count) / Double(rounds) - probability) < 0.015, "\(counts)")
        }
    }

    @Test func `reach, time and speed are the document's`() throws {
        let example = try WorkedExample("tree.md")
        let (tree, share) = (try tree(example), try example.numbers("share"))
        var reach: [Double] = []
        for (index, node) in tree.nodes.enumerated() {
            reach.append((node.parent < 0 ? 1 : reach[node.parent]) * share[index])
        }
        #expect(try zip(reach, example.numbers("reach")).allSatisfy { abs($0 - $1) < 1e-9 }, "\(reach)")
        let accepted = reach.reduce(0, +)
        #expect(try abs(accepted - example.number("accept_length")) < 1e-9)

        let cost = CostCurve(
            target: [0] + (try example.numbers("target_pass")), firstPass: try example.number("first_draft_pass"),
            laterPass: try example.number("later_draft_pass"), block: try example.number("block"),
            rest: try example.number("rest"), plainRest: try example.number("rest"))
        #expect(try abs(cost.round(tree) - example.number("round")) < 1e-9)
        let (drafted, plain) = (1000 * (1 + accepted) / cost.round(tree), 1000 / cost.plainRound)
        #expect(try abs(drafted - example.number("tokens_per_second")) < 0.05)
        #expect(try abs(plain - example.number("plain_tokens_per_second")) < 0.05)
        #expect(try abs(drafted / plain - example.number("speedup")) < 0.005)
    }
}
