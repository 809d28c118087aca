import FalconDraft
import FalconModels
import FalconTensor

/// How the target turns features into tokens during one decoding: its likeliest token, or one drawn by a rule.
struct TokenChoice {
    let rule: SamplingRule
    private let ends: TargetEnds
    private let pool: ThreadPool
    private var random: RandomSource

    init(_ rule: SamplingRule, prompt: [Int32], ends: TargetEnds, pool: ThreadPool) {
        self.rule = rule
        self.ends = ends
        self.pool = pool
        random = rule.source(for: prompt)
    }

    /// The token after a row of features `[1, hidden]`.
    mutating func token(after features: Tensor) -> Int32 {
        if rule.isGreedy { return ends.greedyTokens(features, on: pool)[0] }
        return rule.distribution(ends.logits(features, on: pool).row(0)).draw(&random)
    }

    /// A tree filled with candidates, and how they came about.
    struct Draft {
        let tree: TokenTree
        let tokens: [Int32]
        /// The distributions that candidates were drawn from, by pass and row; empty for greedy ones.
        let proposals: [[TokenDistribution]]
        /// For greedy candidates the logits of each pass's rows, those only from which the tree takes any.
        let logits: [Tensor]
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

    /// Fills a tree: with the head's likeliest tokens, or with tokens drawn from its distribution.
    mutating func draft(_ tree: TokenTree, session: DraftSession) -> Draft {
        let (ends, pool, rule) = (ends, pool, rule)
        if rule.isGreedy {
            var logits: [Tensor] = []
            let (tokens, filled) = TreeDraft.fill(tree, session: session, on: pool) { features, wanted in
                TreeDraft.best(features, wanted) {
                    logits.append(ends.logits($0, on: pool))
                    return logits[logits.count - 1]
                }
            }
            return Draft(tree: filled, tokens: tokens, proposals: [], logits: logits)
        }
        var random = random
        var proposals: [[TokenDistribution]] = []
        let (tokens, filled) = TreeDraft.fill(tree, session: session, on: pool) { features, wanted in
            let logits = ends.logits(features, on: pool)
            let distributions = (0..<logits.rowCount).map { rule.distribution(logits.row($0)) }
            proposals.append(distributions)
            return TokenTree.draw(wanted, from: distributions, &random)
        }
        self.random = random
        return Draft(tree: filled, tokens: tokens, proposals: proposals, logits: [])
    }

    /// Verifies a draft, given the target's features after the root and after each node.
    mutating func verify(_ draft: Draft, features: Tensor) -> Verified {
        if rule.isGreedy {
            let verified = GreedyVerification(
                tree: draft.tree, nodeTokens: draft.tokens, targetTokens: ends.greedyTokens(features, on: pool))
            return Verified(
                path: verified.path, tokens: verified.tokens,
                looks: draft.looks(path: verified.path, tokens: verified.tokens))
        }
        let (logits, rule) = (ends.logits(features, on: pool), rule)
        let verified = SampledVerification(
            tree: draft.tree, nodeTokens: draft.tokens, proposals: draft.proposals,
            target: { rule.distribution(logits.row($0)) }, random: &random)
        return Verified(
            path: verified.path, tokens: verified.tokens, looks: draft.tree.looks(drawnPath: verified.path))
    }
}

extension TokenChoice.Draft {
    /// Looks up where the tokens of a verified path stood in the rankings that predicted them, candidates that are not
    /// in the tree included: so the counts do not depend on the tree, but for how deep they go.
    func looks(path: [Int], tokens: [Int32]) -> [RankStatistics.Look] {
        var looks: [RankStatistics.Look] = []
        let wanted = tree.candidatesPerRow
        for (parent, token) in zip([-1] + path, tokens) {
            guard let (pass, row) = tree.row(below: parent), wanted[pass][row] > 0 else { break }
            // Rows without a wanted candidate were not ranked.
            let rankedRow = wanted[pass][..<row].count { $0 > 0 }
            looks.append(RankStatistics.Look(rank: logits[pass].rank(of: Int(token), inRow: rankedRow)))
        }
        return looks
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

    /// Which drawn child was accepted at each node of a path, and that none was at its end. What children that were
    /// not drawn would have brought is unknown.
    func looks(drawnPath path: [Int]) -> [RankStatistics.Look] {
        var looks: [RankStatistics.Look] = []
        for (index, parent) in ([-1] + path).enumerated() {
            let children = nodes.count { $0.parent == parent }
            guard children > 0 else { break }
            looks.append(RankStatistics.Look(rank: index < path.count ? nodes[path[index]].rank : nil, among: children))
        }
        return looks
    }
}
