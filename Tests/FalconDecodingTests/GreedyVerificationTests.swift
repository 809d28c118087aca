import FalconTensor
import Testing

@testable import FalconDecoding

@Suite struct GreedyVerificationTests {
    @Test func `The accepted path is the longest that brute force finds`() throws {
        var random = RandomSource(seed: 7)
        for round in 0..<300 {
            let tree = try TokenTree(name: "random", blockSize: 1 + round % 4, paths: randomPaths(&random, nodes: 15))
            // Three tokens only, so that long paths are accepted; siblings may even have the same token.
            let nodeTokens = tree.nodes.map { _ in Int32(random.below(3)) }
            let choices = (0...tree.nodes.count).map { _ in Int32(random.below(3)) }
            let result = GreedyVerification(tree: tree, nodeTokens: nodeTokens, targetTokens: choices)

            var longest: [Int] = []
            for leaf in tree.rootToLeafPaths {
                var accepted: [Int] = []
                var parent = -1
                for node in leaf {
                    guard nodeTokens[node] == choices[parent + 1] else { break }
                    accepted.append(node)
                    parent = node
                }
                if accepted.count > longest.count { longest = accepted }
            }
            #expect(result.path.count == longest.count)
            #expect(result.tokens.count == longest.count + 1)
            var parent = -1
            for (node, token) in zip(result.path, result.tokens) {
                #expect(tree.nodes[node].parent == parent && token == nodeTokens[node] && token == choices[parent + 1])
                parent = node
            }
            #expect(result.tokens.last == choices[parent + 1])
        }
    }

    @Test func `A pass without a tree yields the target's own token`() throws {
        let tree = try TokenTree.chain(length: 3, blockSize: 2).limited(toDepth: 0)
        let result = GreedyVerification(tree: tree, nodeTokens: [], targetTokens: [5])
        #expect(result.path == [] && result.tokens == [5])
    }

    @Test func `Text behind an end token or the limit is cut`() {
        let rule = StopRule(endTokens: [9], maximumTokens: 6)
        #expect(rule.admit([1, 2, 3], after: Array(repeating: 1, count: 1)) == (3, false))
        #expect(rule.admit([1, 9, 3], after: Array(repeating: 1, count: 1)) == (2, true))
        #expect(rule.admit([1, 2, 9], after: Array(repeating: 1, count: 1)) == (3, true))
        #expect(rule.admit([1, 2, 3, 4, 5, 9], after: Array(repeating: 1, count: 1)) == (5, true))
        #expect(rule.admit([1, 2], after: Array(repeating: 1, count: 4)) == (2, true))
        #expect(rule.admit([1, 2], after: Array(repeating: 1, count: 6)) == (0, true))
    }
}
