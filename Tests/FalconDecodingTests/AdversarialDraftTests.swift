import FalconModels
import FalconTensor
import Testing

@testable import FalconDecoding

/// Verification against drafts that no head would make: whatever is proposed, the text is the target's own.
@Suite struct AdversarialDraftTests {
    enum Adversary: CaseIterable {
        /// Proposes the text itself along the best ranks, and nonsense beside it.
        case right
        /// Never the token that the target chooses.
        case wrong
        /// The target's token as the second candidate only.
        case second
        /// Anything.
        case random
        /// The same token in every node.
        case constant
        /// Right down to some depth, then wrong: the right continuation hangs below the wrong node.
        case misplaced
    }

    @Test(arguments: Adversary.allCases)
    func `Greedy output is plain output over random trees`(_ adversary: Adversary) throws {
        let pool = ThreadPool(threadCount: 1)
        var random = RandomSource(seed: 90)
        for round in 0..<12 {
            let models = try RandomModels(seed: UInt64(91 + round % 3), pool: pool)
            let stop = StopRule(endTokens: [47], maximumTokens: 30)
            let prompt = (0...random.below(6)).map { _ in Int32(random.below(RandomModels.vocabulary)) }
            let plain = try PlainDecoder(target: models.target, pool: pool).decode(prompt, stop: stop).tokens
            let blockSize = 1 + round % 8
            let tree = try TokenTree(
                name: "random", blockSize: blockSize, paths: randomPaths(&random, nodes: 3 + random.below(30)))
            var expected: [Int] = []
            let drafter = ScriptedDrafter(treeRows: tree.nodes.count + 1) { tokenCount, room in
                let cut = tree.limited(toDepth: room)
                let ahead = Array(plain.dropFirst(tokenCount))
                let tokens = cut.nodes.map { node in
                    propose(adversary, node, truth: node.depth <= ahead.count ? ahead[node.depth - 1] : 0, &random)
                }
                expected.append(min(accepted(cut, tokens, ahead) + 1, ahead.count))
                return TokenChoice.Draft(tree: cut, tokens: tokens)
            }
            var request = DecodingEngine.Request(prompt: prompt, stop: stop)
            request.drafter = { _ in drafter }
            let engine = DecodingEngine(
                target: models.target, options: .init(maximumTexts: 1), pool: pool, clock: { 0 })
            let text = try engine.decode(request) { _ in }
            #expect(text.passes.map(\.tokens.count) == expected)
            #expect(text.tokens == plain)
        }
    }

    private func propose(
        _ adversary: Adversary, _ node: TokenTree.Node, truth: Int32, _ random: inout RandomSource
    ) -> Int32 {
        let other = (truth + 1 + Int32(random.below(RandomModels.vocabulary - 1))) % Int32(RandomModels.vocabulary)
        switch adversary {
        case .right: return node.rank == 0 ? truth : other
        case .wrong: return other
        case .second: return node.rank == 1 ? truth : other
        case .random: return Int32(random.below(RandomModels.vocabulary))
        case .constant: return 2
        case .misplaced: return node.depth == 2 ? other : truth
        }
    }

    /// The definition: the longest path whose tokens are the text.
    private func accepted(_ tree: TokenTree, _ tokens: [Int32], _ ahead: [Int32]) -> Int {
        tree.nodes.indices.map { node in
            let path = tree.ancestorsAndSelf(of: node)
            return path.count < ahead.count && zip(path, ahead).allSatisfy { tokens[$0] == $1 } ? path.count : 0
        }.max() ?? 0
    }
}
