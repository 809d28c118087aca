import FalconDraft
import FalconTensor
import Foundation

/// How the target turns features into tokens during one decoding: its likeliest token, or one drawn by a rule.
struct TokenChoice {
    let rule: SamplingRule
    /// Whether the head's probabilities are looked up where a tree did not need them.
    var weighsCandidates = false
    private let pool: ThreadPool
    private var random: RandomSource

    /// - Parameter stream: names the random numbers, beside the rule's seed; `nil` where the prompt does.
    init(_ rule: SamplingRule, prompt: [Int32], stream: String? = nil, pool: ThreadPool) {
        self.rule = rule
        self.pool = pool
        random = stream.map { RandomSource(seed: rule.seed).stream($0) } ?? rule.source(for: prompt)
    }

    /// What the LM head makes of a text's rows of a pass: one of many products over the rows of all texts.
    enum Scores {
        /// The likeliest token of each row: all that a greedy choice asks for.
        case best(ArraySlice<Int32>)
        /// Rows of `[rows, vocabulary]`, the text's own from `first` on.
        case logits(Tensor, first: Int)
    }

    /// The token after a row.
    mutating func token(_ scores: Scores, row: Int = 0) -> Int32 {
        switch scores {
        case .best(let tokens): tokens[tokens.startIndex + row]
        case .logits(let logits, let first): rule.distribution(logits.row(first + row)).draw(&random)
        }
    }

    /// A tree filled with candidates, and how they came about.
    struct Draft {
        let tree: TokenTree
        /// One for each of the tree's nodes, then for each added one.
        var tokens: [Int32]
        /// What each draft pass ranked.
        var passes: [RankedPass] = []
        /// What the columns of logits mean, where they are not tokens.
        var vocabulary: VocabularySubset?
        /// Seconds of each draft pass, the ranking of its rows included.
        var passSeconds: [Double] = []
        /// The accepted tokens that were expected of it, where the tree was grown by what the head said.
        var expectedAccepted = 0.0
        /// Further nodes, numbered behind the tree's: the parent of each, -1 below the newest token, always before it.
        /// Their tokens were not drawn: they depend on the tokens above them only.
        var addedParents: [Int] = []
    }

    /// What the target made of a draft.
    struct Verified {
        /// The accepted nodes, from the root's child down.
        let path: [Int]
        /// Their tokens, then one of the target's own.
        let tokens: [Int32]
        /// Where those tokens stood among the head's candidates, as far as the tree asked for any.
        let looks: [RankStatistics.Look]
    }

    /// Fills a tree, or one that grows: with the head's likeliest tokens, or with tokens drawn from its distribution.
    mutating func draft(
        _ shape: DraftsTogether.Shape, session: DraftSession, clock: SecondsClock = { 0 }
    ) -> Draft {
        let drafts = DraftsTogether([DraftsTogether.Part(session, shape, self)], on: pool, clock: clock)
        self = drafts.parts[0].choice
        return drafts.parts[0].draft(passSeconds: drafts.passSeconds)
    }

    /// Draws candidates for rows, with the text's own random numbers.
    mutating func draw(_ wanted: [Int], from distributions: [TokenDistribution]) -> [[Int32]] {
        TokenTree.draw(wanted, from: distributions, &random)
    }

    /// Verifies a draft, given the target's scores after the root and after each node.
    mutating func verify(_ draft: Draft, _ scores: Scores) -> Verified {
        switch scores {
        case .best(let tokens):
            let verified = GreedyVerification(
                parents: draft.parents, nodeTokens: draft.tokens, targetTokens: Array(tokens))
            return Verified(
                path: verified.path, tokens: verified.tokens,
                looks: draft.looks(path: verified.path, tokens: verified.tokens, weigh: weighsCandidates))
        case .logits(let logits, let first):
            let rule = rule
            let verified = SampledVerification(
                tree: draft.tree, addedParents: draft.addedParents, nodeTokens: draft.tokens,
                proposal: draft.proposal(below:), target: { rule.distribution(logits.row(first + $0)) }, random: &random
            )
            return Verified(
                path: verified.path, tokens: verified.tokens, looks: draft.looks(drawnPath: verified.path))
        }
    }
}

extension TokenChoice.Draft {
    /// Nothing drafted.
    static func none(blockSize: Int) -> TokenChoice.Draft {
        TokenChoice.Draft(tree: .none(blockSize: blockSize), tokens: [])
    }

    /// The draft pass and its ranking that predict the children of a node (-1 for the root); `nil` where there is none.
    private func ranking(below node: Int) -> (pass: RankedPass, row: Int, index: Int, isFirst: Bool)? {
        guard node < tree.nodes.count, let (pass, row) = tree.row(below: node), pass < passes.count,
            let index = passes[pass].rankings.index(row: row, below: node)
        else { return nil }
        return (passes[pass], row, index, pass == 0)
    }

    /// What the children of a node were drawn from.
    func proposal(below node: Int) -> TokenDistribution {
        guard let ranking = ranking(below: node) else { preconditionFailure("children of node \(node) from nowhere") }
        return ranking.pass.proposals[ranking.index]
    }

    /// The place of a token in the ranking below a node, behind all where the head does not rank it; `nil` where there
    /// is no ranking. Of greedy candidates.
    func rank(of token: Int32, below node: Int) -> Int? {
        ranking(below: node).flatMap { $0.pass.logits?.rank(of: token, inRow: $0.index, vocabulary) }
    }

    /// The parent of each node, those that were added included; -1 below the newest token.
    var parents: [Int] { tree.nodes.map(\.parent) + addedParents }

    /// The deepest node's depth.
    var depth: Int {
        guard !addedParents.isEmpty else { return tree.depth }
        var depths = tree.nodes.map(\.depth)
        for parent in addedParents { depths.append(parent < 0 ? 1 : depths[parent] + 1) }
        return depths.max() ?? 0
    }

    /// A node's rank in the head's ranking; `DecodedPass.lookupRank` for one that was added.
    func rank(of node: Int) -> Int { node < tree.nodes.count ? tree.nodes[node].rank : DecodedPass.lookupRank }

    /// Looks up where the tokens of a verified path stood in the rankings that predicted them, candidates that are not
    /// in the tree included: so the counts do not depend on the tree, but for how deep they go.
    ///
    /// - Parameter weigh: whether to look up what the head thought of them, too.
    func looks(path: [Int], tokens: [Int32], weigh: Bool = false) -> [RankStatistics.Look] {
        var looks: [RankStatistics.Look] = []
        for (parent, token) in zip([-1] + path, tokens) {
            guard let (pass, row, index, isFirst) = ranking(below: parent), let logits = pass.logits else { break }
            var known = pass.probabilities.isEmpty ? [] : pass.probabilities[row]
            if weigh, known.isEmpty {
                let best = logits.rows(index..<index + 1).largest(RankStatistics.rankLimit)[0]
                known = logits.shares(best.map(\.value), row: index)
            }
            looks.append(
                RankStatistics.Look(
                    rank: logits.rank(of: token, inRow: index, vocabulary), among: RankStatistics.rankLimit,
                    probabilities: known, isFirstPass: isFirst))
        }
        return looks
    }

    /// Which drawn child was accepted at each node of a path, and that none was at its end. What children that were
    /// not drawn would have brought is unknown.
    func looks(drawnPath path: [Int]) -> [RankStatistics.Look] {
        var looks: [RankStatistics.Look] = []
        for (index, parent) in ([-1] + path).enumerated() {
            let children = tree.nodes.count { $0.parent == parent }
            guard children > 0, let (pass, row, _, isFirst) = ranking(below: parent) else { break }
            looks.append(
                RankStatistics.Look(
                    rank: index < path.count && path[index] < tree.nodes.count ? tree.nodes[path[index]].rank : nil,
                    among: children,
                    probabilities: pass.probabilities.isEmpty ? [] : pass.probabilities[row], isFirstPass: isFirst))
        }
        return looks
    }
}

extension Tensor {
    /// The place of a token in a row's ranking; behind all where the row has no column for it.
    func rank(of token: Int32, inRow row: Int, _ vocabulary: VocabularySubset?) -> Int {
        vocabulary.column(of: token).map { rank(of: $0, inRow: row) } ?? .max
    }

    /// The probabilities that each row's largest logits stand for.
    func shares(of best: [[(column: Int32, value: Float)]]) -> [[Double]] {
        best.enumerated().map { row, candidates in shares(candidates.map(\.value), row: row) }
    }

    /// The probabilities that some of a row's logits stand for.
    fileprivate func shares(_ logits: [Float], row: Int) -> [Double] {
        let sum = logOfExponentialSum(row: row)
        return logits.map { exp(Double($0) - sum) }
    }
}

extension TokenTree {
    /// The draft pass and its row that predict the children of a node (-1 for the root); `nil` where no draft pass
    /// continues that node.
    func row(below node: Int) -> (pass: Int, row: Int)? {
        guard node >= 0 else { return nodes.isEmpty ? nil : (0, 0) }
        let (pass, block, offset) = (nodes[node].pass, nodes[node].block, nodes[node].offset)
        if offset < blockSize - 1 { return (pass, block * blockSize + offset + 1) }
        guard pass < expansions.count,
            let next = expansions[pass].firstIndex(where: { $0.nodes[blockSize - 1] == node })
        else { return nil }
        return (pass + 1, next * blockSize)
    }
}
