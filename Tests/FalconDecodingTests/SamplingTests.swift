import FalconDraft
import FalconModels
import FalconTensor
import Foundation
import Testing

@testable import FalconDecoding

/// Sampled speculative decoding has the target's own distribution: proven by drawing, and by showing that planted
/// defects are seen.
@Suite struct SamplingTests {
    /// A made-up model: the target's distribution depends on all tokens so far, the draft's on its place in the tree.
    final class Model {
        let vocabulary: Int
        let seed: UInt64
        private let random: RandomSource
        private var known: [[Int32]: TokenDistribution] = [:]

        init(vocabulary: Int, seed: UInt64) {
            (self.vocabulary, self.seed) = (vocabulary, seed)
            random = RandomSource(seed: seed)
        }

        func target(after context: [Int32]) -> TokenDistribution { distribution([-1] + context) }

        func proposal(pass: Int, row: Int) -> TokenDistribution { distribution([-2, Int32(pass), Int32(row)]) }

        func proposal(below path: [Int32], offset: Int) -> TokenDistribution {
            distribution([-3, Int32(offset)] + path)
        }

        private func distribution(_ place: [Int32]) -> TokenDistribution {
            if let distribution = known[place] { return distribution }
            var random = random.stream("\(place)")
            // Uneven, and some tokens impossible.
            var weights = (0..<vocabulary).map { _ in max(0, random.uniformDouble() - 0.2) * random.uniformDouble() }
            if weights.allSatisfy({ $0 == 0 }) { weights[0] = 1 }
            let distribution = TokenDistribution(weights: weights)
            known[place] = distribution
            return distribution
        }
    }

    enum Defect: CaseIterable { case none, likeliestNotDrawn, neverRejected, sharedWithTarget, firstParentForAll }

    /// The first two tokens of many decodings against what they should be.
    private func fit(
        _ tree: TokenTree, _ model: Model, samples: Int, defect: Defect = .none, byParent: Bool = false,
        seed: UInt64 = 1
    ) -> DistributionFit {
        fit(model, samples: samples, seed: seed) { round(tree, model, after: $0, defect, byParent: byParent, &$1) }
    }

    /// - Parameter round: the tokens of one round behind those of earlier ones.
    private func fit(
        _ model: Model, samples: Int, seed: UInt64, round: ([Int32], inout RandomSource) -> [Int32]
    ) -> DistributionFit {
        var counts: [[Int32]: Int] = [:]
        var random = RandomSource(seed: seed)
        for _ in 0..<samples {
            var tokens: [Int32] = []
            while tokens.count < 2 { tokens += round(tokens, &random) }
            counts[Array(tokens.prefix(2)), default: 0] += 1
        }
        var probabilities: [[Int32]: Double] = [:]
        for first in 0..<Int32(model.vocabulary) {
            let one = model.target(after: [])[first]
            for second in 0..<Int32(model.vocabulary) {
                probabilities[[first, second]] = one * model.target(after: [first])[second]
            }
        }
        return DistributionFit(counts, probabilities)
    }

    /// A tree whose tokens were drawn, ranking by ranking.
    private struct Filled {
        var tokens: [Int32]
        /// By the node whose children were drawn from them.
        private var proposals: [Int: TokenDistribution] = [:]

        init(_ tree: TokenTree, _ model: Model, byParent: Bool, _ random: inout RandomSource) {
            var filling = TreeFilling(tree, byParent: byParent)
            while !filling.isDone {
                for step in filling.rankings.steps {
                    let rankings = filling.rankings.all[step]
                    let own = rankings.map { ranking in
                        ranking.parent.map {
                            model.proposal(below: [filling.tokens[$0]], offset: 100 * filling.pass + ranking.row)
                        } ?? model.proposal(pass: filling.pass, row: ranking.row)
                    }
                    for node in tree.nodes where node.pass == filling.pass {
                        guard let index = filling.rankings.index(row: tree.row(of: node), below: node.parent),
                            step.contains(index)
                        else { continue }
                        proposals[node.parent] = own[index - step.lowerBound]
                    }
                    filling.take(TokenTree.draw(rankings.map(\.count), from: own, &random), of: step)
                }
                filling.endPass()
            }
            tokens = filling.tokens
        }

        func proposal(below node: Int) -> TokenDistribution {
            guard let proposal = proposals[node] else { preconditionFailure("nothing below node \(node)") }
            return proposal
        }
    }

    private func round(
        _ tree: TokenTree, _ model: Model, after context: [Int32], _ defect: Defect, byParent: Bool = false,
        _ random: inout RandomSource
    ) -> [Int32] {
        var filled = Filled(tree, model, byParent: byParent, &random)
        if defect == .likeliestNotDrawn {
            filled.tokens = tree.nodes.map { node in
                let q = filled.proposal(below: node.parent)
                return (0..<Int32(model.vocabulary)).sorted { q[$0] > q[$1] }[node.rank]
            }
        }
        let nodeTokens = filled.tokens
        if defect == .neverRejected {
            return tree.ancestorsAndSelf(of: tree.rootToLeafPaths[0].last ?? 0).map { nodeTokens[$0] }
        }
        let verified = SampledVerification(
            tree: tree, nodeTokens: nodeTokens,
            proposal: { node in
                switch defect {
                case .sharedWithTarget: return model.target(after: context)
                case .firstParentForAll:
                    func row(_ node: Int) -> [Int] { tree.row(below: node).map { [$0.pass, $0.row] } ?? [] }
                    return filled.proposal(below: tree.nodes.first { row($0.parent) == row(node) }?.parent ?? node)
                default: return filled.proposal(below: node)
                }
            },
            target: { row in
                let path = row == 0 ? [] : tree.ancestorsAndSelf(of: row - 1).map { nodeTokens[$0] }
                return model.target(after: context + path)
            }, random: &random)
        return verified.tokens
    }

    private static let trees: [(blockSize: Int, paths: [[Int]])] = [
        (1, [[0]]), (2, [[0], [1], [2], [0, 0], [0, 1], [1, 0], [2, 0], [2, 1]]),
        (1, [[0], [1], [0, 0], [0, 3], [1, 2]]), (2, [[0], [0, 0], [0, 0, 0]]),
        (3, [[0], [4], [0, 0], [4, 0], [4, 1], [4, 2]]),
    ]

    @Test(arguments: trees.indices)
    func `Drawn texts have the target's distribution`(_ index: Int) throws {
        let (blockSize, paths) = SamplingTests.trees[index]
        let tree = try TokenTree(name: "t", blockSize: blockSize, paths: paths).withoutGaps
        for seed in 0..<2 {
            let model = Model(vocabulary: 5, seed: UInt64(seed))
            let fit = fit(tree, model, samples: DistributionFit.longSamples ?? 6000)
            fit.note("\(paths) of block size \(blockSize), model \(seed)")
            #expect(fit.isExact, "model \(seed): \(fit)")
        }
    }

    @Test(arguments: 1...8)
    func `So have texts drawn through random trees`(_ blockSize: Int) throws {
        var random = RandomSource(seed: UInt64(600 + blockSize))
        for seed in 0..<2 {
            let paths = randomPaths(&random, nodes: 3 + random.below(12))
            let tree = try TokenTree(name: "random", blockSize: blockSize, paths: paths).withoutGaps
            let model = Model(vocabulary: 5, seed: UInt64(seed + 10 * blockSize))
            let fit = fit(tree, model, samples: DistributionFit.longSamples ?? 3000)
            fit.note("random tree of \(tree.nodes.count) nodes and block size \(blockSize), model \(model.seed)")
            #expect(fit.isExact, "\(paths): \(fit)")
        }
    }

    /// A round with nodes that nobody drew: below the root and some nodes the tokens that stand for the text's own
    /// n-grams, but for those that are drawn there already. Some hang on others, and how many there are depends on what
    /// was drawn.
    private func roundWithAdded(
        _ tree: TokenTree, _ model: Model, after context: [Int32], alwaysRight: Bool = false, byParent: Bool = false,
        _ random: inout RandomSource
    ) -> [Int32] {
        let filled = Filled(tree, model, byParent: byParent, &random)
        var tokens = filled.tokens
        var parents = tree.nodes.map(\.parent)
        let vocabulary = Int32(model.vocabulary)
        for round in 0..<2 {
            for parent in -1..<tokens.count where (parent + round) % 3 < 2 {
                let token = ((parent < 0 ? 1 : tokens[parent]) + 1 + Int32(round)) % vocabulary
                guard !tokens.indices.contains(where: { parents[$0] == parent && tokens[$0] == token }) else {
                    continue
                }
                tokens.append(token)
                parents.append(parent)
            }
        }
        let added = Array(parents[tree.nodes.count...])
        if alwaysRight, let child = added.firstIndex(of: -1) { return [tokens[tree.nodes.count + child]] }
        func path(_ node: Int) -> [Int32] { node < 0 ? [] : path(parents[node]) + [tokens[node]] }
        return SampledVerification(
            tree: tree, addedParents: added, nodeTokens: tokens, proposal: filled.proposal(below:),
            target: { model.target(after: context + path($0 - 1)) }, random: &random
        ).tokens
    }

    @Test(arguments: trees.indices)
    func `So have texts whose rows are ranked below each parent by itself`(_ index: Int) throws {
        let (blockSize, paths) = SamplingTests.trees[index]
        let tree = try TokenTree(name: "t", blockSize: blockSize, paths: paths).withoutGaps
        let model = Model(vocabulary: 5, seed: UInt64(60 + index))
        let fit = fit(tree, model, samples: DistributionFit.longSamples ?? 4000, byParent: true)
        fit.note("rankings by parent, \(tree.nodes.count) nodes of block size \(blockSize)")
        #expect(fit.isExact, "\(fit)")
        let added = self.fit(model, samples: DistributionFit.longSamples ?? 4000, seed: 2) {
            roundWithAdded(tree, model, after: $0, byParent: true, &$1)
        }
        #expect(added.isExact, "\(added)")
    }

    @Test(arguments: trees.indices)
    func `So have texts with nodes that were not drawn`(_ index: Int) throws {
        let (blockSize, paths) = SamplingTests.trees[index]
        let tree = try TokenTree(name: "t", blockSize: blockSize, paths: paths).withoutGaps
        for tree in [tree, .none(blockSize: blockSize)] {
            let model = Model(vocabulary: 5, seed: UInt64(90 + index))
            let fit = fit(model, samples: DistributionFit.longSamples ?? 4000, seed: 2) {
                roundWithAdded(tree, model, after: $0, &$1)
            }
            fit.note("nodes that were not drawn beside \(tree.nodes.count) of block size \(blockSize)")
            #expect(fit.isExact, "\(fit)")
            let wrong = self.fit(model, samples: 4000, seed: 2) {
                roundWithAdded(tree, model, after: $0, alwaysRight: true, &$1)
            }
            #expect(!wrong.isExact, "\(wrong)")
        }
    }

    /// A tree that grows by made-up costs.
    static func dynamicTree(_ blockSize: Int, _ nodes: Int) -> DynamicTree {
        let cost = CostCurve(
            target: (0..<64).map { 1 + 0.05 * Double($0) }, firstPass: 0.1, laterPass: 0.05, block: 0.02, rest: 0,
            plainRest: 0)
        return DynamicTree(
            blockSize: blockSize, aim: .tokens(perSecond: 1), nodeLimit: nodes, passLimit: 3, cost: cost,
            estimate: RankEstimate(RankStatistics(), blockSize: blockSize, depth: 3 * blockSize),
            confidence: Confidence())
    }

    /// A round with a tree that grows while it is drafted.
    ///
    /// - Parameter prunedBelow: the planted defect: nodes whose own token turned out less likely than this are dropped.
    private func dynamicRound(
        _ dynamic: DynamicTree, _ model: Model, after context: [Int32], prunedBelow: Double = 0,
        _ random: inout RandomSource
    ) -> [Int32] {
        let blockSize = dynamic.blockSize
        var proposals: [[TokenDistribution]] = []
        var paths: [[Int32]] = []
        let drafted = dynamic.draft(deepest: 4) { continuations in
            let new = continuations.isEmpty ? [[]] : continuations.map { paths[$0.parent] + $0.tokens }
            paths += new
            proposals.append(
                new.flatMap { path in (0..<blockSize).map { model.proposal(below: path, offset: $0) } })
            return proposals[proposals.count - 1].map { $0.largest(20) }
        } choose: { wanted in
            TokenTree.draw(wanted, from: proposals[proposals.count - 1], &random)
        }
        var (tree, tokens) = (drafted.tree, drafted.tokens)
        if prunedBelow > 0 {
            var kept: Set<[Int]> = [[]]
            var left: [(path: [Int], token: Int32)] = []
            for (node, token) in zip(tree.nodes, tokens) where kept.contains(Array(node.path.dropLast())) {
                let probability = proposals[node.pass][node.block * blockSize + node.offset][token]
                guard probability >= prunedBelow else { continue }
                kept.insert(node.path)
                left.append((node.path, token))
            }
            // Only the first block, so that blocks keep their numbers.
            left = left.filter { $0.path.count <= blockSize }
            guard let pruned = try? TokenTree(name: "t", blockSize: blockSize, paths: left.map(\.path)) else {
                return [model.target(after: context).draw(&random)]
            }
            tree = pruned
            tokens = pruned.nodes.map { node in left.first { $0.path == node.path }?.token ?? 0 }
        }
        return SampledVerification(
            tree: tree, nodeTokens: tokens,
            proposal: { node in
                guard let (pass, row) = tree.row(below: node) else { preconditionFailure("no row below \(node)") }
                return proposals[pass][row]
            },
            target: { row in
                let path = row == 0 ? [] : tree.ancestorsAndSelf(of: row - 1).map { tokens[$0] }
                return model.target(after: context + path)
            }, random: &random
        ).tokens
    }

    @Test(arguments: [(1, 4), (1, 7), (2, 3), (2, 8), (3, 7)])
    func `So have texts drawn through trees that grow by the head's probabilities`(
        _ blockSize: Int, _ nodes: Int
    ) throws {
        let model = Model(vocabulary: 3, seed: UInt64(30 + nodes))
        let tree = SamplingTests.dynamicTree(blockSize, nodes)
        let fit = fit(model, samples: DistributionFit.longSamples ?? 1000, seed: 3) {
            dynamicRound(tree, model, after: $0, &$1)
        }
        fit.note("dynamic tree of \(nodes) nodes and block size \(blockSize), model \(model.seed)")
        #expect(fit.isExact, "\(fit)")
    }

    @Test func `Trees pruned by the tokens that came out are seen to be wrong`() throws {
        // With as few draws as the test above makes.
        let model = Model(vocabulary: 3, seed: 38)
        let tree = SamplingTests.dynamicTree(2, 8)
        let fit = fit(model, samples: 1000, seed: 3) {
            dynamicRound(tree, model, after: $0, prunedBelow: 0.4, &$1)
        }
        fit.note("planted defect prunedByTokens")
        #expect(!fit.isExact, "\(fit)")
    }

    @Test(arguments: Defect.allCases.filter { $0 != .none })
    func `A planted defect is seen`(_ defect: Defect) throws {
        // Some parents at one offset, with two children each.
        let wide = [[0], [1], [2], [3], [0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1], [3, 0], [3, 1]]
        let paths = defect == .firstParentForAll ? wide : SamplingTests.trees[1].paths
        let tree = try TokenTree(name: "t", blockSize: 2, paths: paths)
        let model = Model(vocabulary: 5, seed: 1)
        let fit = fit(tree, model, samples: 6000, defect: defect, byParent: defect == .firstParentForAll)
        fit.note("planted defect \(defect)")
        #expect(!fit.isExact, "\(fit)")
    }

    @Test func `Temperature, top-k and top-p shape the distribution as they say`() {
        let logits: [Float] = [1, 3, 2, 2, -1]
        let plain = SamplingRule(temperature: 1).distribution(logits).probabilities
        let sum = logits.reduce(0) { $0 + exp(Double($1)) }
        for (probability, logit) in zip(plain, logits) { #expect(abs(probability - exp(Double(logit)) / sum) < 1e-12) }
        let cool = SamplingRule(temperature: 0.5).distribution(logits).probabilities
        #expect(abs(cool[1] / cool[2] - exp(2)) < 1e-9)
        // The lower id of two that are equally likely.
        let two = SamplingRule(temperature: 1, topK: 2).distribution(logits).probabilities
        #expect(two.map { $0 > 0 } == [false, true, true, false, false])
        let half = SamplingRule(temperature: 1, topP: 0.6).distribution(logits).probabilities
        #expect(half.map { $0 > 0 } == [false, true, true, false, false])
        let tiny = SamplingRule(temperature: 1, topP: 0.01).distribution(logits).probabilities
        #expect(tiny == [0, 1, 0, 0, 0])
        for rule in [plain, cool, two, half, tiny] { #expect(abs(rule.reduce(0, +) - 1) < 1e-12) }
    }

    @Test func `Siblings are numbered without gaps for drawing`() throws {
        let tree = try TokenTree(name: "t", blockSize: 2, paths: [[1], [4], [4, 3], [4, 7], [4, 7, 2]]).withoutGaps
        #expect(tree.nodes.map(\.path) == [[0], [1], [1, 0], [1, 1], [1, 1, 0]])
    }
}
