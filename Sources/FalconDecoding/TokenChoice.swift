import FalconDraft
import FalconModels
import FalconTensor

/// How the target turns features into tokens during one decoding: its likeliest token, or one drawn by a rule.
struct TokenChoice {
    let rule: SamplingRule
    private let target: TargetModel
    private let pool: ThreadPool
    private var random: RandomSource

    init(_ rule: SamplingRule, prompt: [Int32], target: TargetModel, pool: ThreadPool) {
        self.rule = rule
        self.target = target
        self.pool = pool
        random = rule.source(for: prompt)
    }

    /// The token after a row of features `[1, hidden]`.
    mutating func token(after features: Tensor) -> Int32 {
        if rule.isGreedy { return target.greedyTokens(features, on: pool)[0] }
        return rule.distribution(target.logits(features, on: pool).row(0)).draw(&random)
    }

    /// A tree filled with candidates, and how they came about.
    struct Draft {
        let tree: TokenTree
        let tokens: [Int32]
        /// The distributions that candidates were drawn from, by pass and row; empty for greedy ones.
        let proposals: [[TokenDistribution]]
    }

    /// Fills a tree: with the head's likeliest tokens, or with tokens drawn from its distribution.
    mutating func draft(_ tree: TokenTree, session: DraftSession) -> Draft {
        let (target, pool, rule) = (target, pool, rule)
        if rule.isGreedy {
            let best = TreeDraft.best { target.logits($0, on: pool) }
            let (tokens, filled) = TreeDraft.fill(tree, session: session, on: pool, candidates: best)
            return Draft(tree: filled, tokens: tokens, proposals: [])
        }
        var random = random
        var proposals: [[TokenDistribution]] = []
        let (tokens, filled) = TreeDraft.fill(tree, session: session, on: pool) { features, wanted in
            let logits = target.logits(features, on: pool)
            let distributions = (0..<logits.rowCount).map { rule.distribution(logits.row($0)) }
            proposals.append(distributions)
            return TokenTree.draw(wanted, from: distributions, &random)
        }
        self.random = random
        return Draft(tree: filled, tokens: tokens, proposals: proposals)
    }

    /// What the target makes of a draft, given the features after the root and after each node: the accepted nodes,
    /// and their tokens with one of its own behind them.
    mutating func verify(_ draft: Draft, features: Tensor) -> (path: [Int], tokens: [Int32]) {
        if rule.isGreedy {
            let verified = GreedyVerification(
                tree: draft.tree, nodeTokens: draft.tokens, targetTokens: target.greedyTokens(features, on: pool))
            return (verified.path, verified.tokens)
        }
        let (logits, rule) = (target.logits(features, on: pool), rule)
        let verified = SampledVerification(
            tree: draft.tree, nodeTokens: draft.tokens, proposals: draft.proposals,
            target: { rule.distribution(logits.row($0)) }, random: &random)
        return (verified.path, verified.tokens)
    }
}
