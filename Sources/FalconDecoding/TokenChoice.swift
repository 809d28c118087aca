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
        /// The distributions that candidates were drawn from, by pass and row; empty for greedy ones.
        let proposals: [[TokenDistribution]]
        /// For greedy candidates the logits of each pass's rows, those only from which the tree takes any.
        let logits: [Tensor]
        /// What their columns mean, where they are not tokens.
        var vocabulary: VocabularySubset?
        /// Seconds of each draft pass, the ranking of its rows included.
        let passSeconds: [Double]
        /// What the head thought of its candidates, `[pass][row][rank]`, where the tree was grown by that.
        var probabilities: [[[Double]]] = []
        /// The accepted tokens that were expected of it then.
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

    /// Fills a tree: with the head's likeliest tokens, or with tokens drawn from its distribution.
    mutating func draft(_ tree: TokenTree, session: DraftSession, clock: SecondsClock = { 0 }) -> Draft {
        let (head, pool, rule) = (session.head, pool, rule)
        if rule.isGreedy {
            var logits: [Tensor] = []
            let filled = TreeDraft.fill(tree, session: session, on: pool, clock: clock) { features, wanted in
                TreeDraft.best(features, wanted, vocabulary: head.vocabulary, on: pool) {
                    logits.append(head.logits($0, on: pool))
                    return logits[logits.count - 1]
                }
            }
            return Draft(
                tree: filled.tree, tokens: filled.tokens, proposals: [], logits: logits, vocabulary: head.vocabulary,
                passSeconds: filled.seconds)
        }
        var random = random
        var proposals: [[TokenDistribution]] = []
        let filled = TreeDraft.fill(tree, session: session, on: pool, clock: clock) { features, wanted in
            let logits = head.logits(features, on: pool)
            let distributions = (0..<logits.rowCount).map {
                rule.distribution(logits.row($0), within: head.vocabulary)
            }
            proposals.append(distributions)
            return TokenTree.draw(wanted, from: distributions, &random)
        }
        self.random = random
        return Draft(
            tree: filled.tree, tokens: filled.tokens, proposals: proposals, logits: [], passSeconds: filled.seconds)
    }

    /// Draws candidates for rows, with the text's own random numbers.
    mutating func draw(_ wanted: [Int], from distributions: [TokenDistribution]) -> [[Int32]] {
        TokenTree.draw(wanted, from: distributions, &random)
    }

    /// Drafts a tree that grows by what the head thinks of its candidates.
    ///
    /// - Parameter deepest: the depth of the deepest node that is of use.
    mutating func draft(
        _ dynamic: DynamicTree, deepest: Int, session: DraftSession, clock: SecondsClock
    ) -> Draft {
        var (before, seconds) = (clock(), [Double]())
        guard deepest > 0, let first = session.firstBlock(on: pool) else {
            return .none(blockSize: dynamic.blockSize)
        }
        let head = session.head
        var random = random
        var (logits, proposals): ([Tensor], [[TokenDistribution]]) = ([], [])
        var (probabilities, ranked): ([[[Double]]], [[Int32]]) = ([], [])
        let grown = dynamic.draft(deepest: deepest) { continuations in
            let features = continuations.isEmpty ? first : session.expand(continuations, on: pool)
            let rows = head.logits(features, on: pool)
            if rule.isGreedy {
                let best = rows.largest(RankStatistics.rankLimit, on: pool)
                logits.append(rows)
                ranked = best.map { $0.map { head.vocabulary.token($0.column) } }
                probabilities.append(rows.shares(of: best))
            } else {
                proposals.append(
                    (0..<rows.rowCount).map { rule.distribution(rows.row($0), within: head.vocabulary) })
                probabilities.append(proposals[proposals.count - 1].map { $0.largest(RankStatistics.rankLimit) })
            }
            return probabilities[probabilities.count - 1]
        } choose: { wanted in
            let now = clock()
            seconds.append(now - before)
            before = now
            return rule.isGreedy ? ranked : TokenTree.draw(wanted, from: proposals[proposals.count - 1], &random)
        }
        self.random = random
        return Draft(
            grown, proposals: proposals, logits: logits, vocabulary: head.vocabulary, passSeconds: seconds,
            probabilities: probabilities)
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
                proposals: draft.proposals,
                target: { rule.distribution(logits.row(first + $0)) }, random: &random)
            return Verified(
                path: verified.path, tokens: verified.tokens, looks: draft.looks(drawnPath: verified.path))
        }
    }
}

extension TokenChoice.Draft {
    /// A tree that grew.
    init(
        _ grown: (tree: TokenTree, tokens: [Int32], expectedAccepted: Double), proposals: [[TokenDistribution]],
        logits: [Tensor], vocabulary: VocabularySubset?, passSeconds: [Double], probabilities: [[[Double]]]
    ) {
        self.init(
            tree: grown.tree, tokens: grown.tokens, proposals: proposals, logits: logits, vocabulary: vocabulary,
            passSeconds: passSeconds, probabilities: probabilities, expectedAccepted: grown.expectedAccepted)
    }

    /// Nothing drafted.
    static func none(blockSize: Int) -> TokenChoice.Draft {
        TokenChoice.Draft(
            tree: .none(blockSize: blockSize), tokens: [], proposals: [], logits: [], passSeconds: [])
    }

    /// The place of a token in the ranking of a row of a pass's logits; behind all where the head does not rank it.
    func rank(of token: Int32, pass: Int, row: Int) -> Int { logits[pass].rank(of: token, inRow: row, vocabulary) }

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
        let wanted = tree.candidatesPerRow
        for (parent, token) in zip([-1] + path, tokens) {
            guard parent < tree.nodes.count, let (pass, row) = tree.row(below: parent), pass < logits.count
            else { break }
            // A tree that stands before it is drafted does not rank the rows from which it takes nothing.
            let isAll = logits[pass].rowCount == wanted[pass].count
            guard isAll || wanted[pass][row] > 0 else { break }
            let rankedRow = isAll ? row : wanted[pass][..<row].count { $0 > 0 }
            var known = probabilities.isEmpty ? [] : probabilities[pass][row]
            if weigh, known.isEmpty {
                let best = logits[pass].rows(rankedRow..<rankedRow + 1).largest(RankStatistics.rankLimit)[0]
                known = logits[pass].shares(best.map(\.value), row: rankedRow)
            }
            looks.append(
                RankStatistics.Look(
                    rank: rank(of: token, pass: pass, row: rankedRow), among: RankStatistics.rankLimit,
                    probabilities: known, isFirstPass: pass == 0))
        }
        return looks
    }

    /// Which drawn child was accepted at each node of a path, and that none was at its end. What children that were
    /// not drawn would have brought is unknown.
    func looks(drawnPath path: [Int]) -> [RankStatistics.Look] {
        var looks: [RankStatistics.Look] = []
        for (index, parent) in ([-1] + path).enumerated() {
            let children = tree.nodes.count { $0.parent == parent }
            guard parent < tree.nodes.count, children > 0, let (pass, row) = tree.row(below: parent) else { break }
            looks.append(
                RankStatistics.Look(
                    rank: index < path.count && path[index] < tree.nodes.count ? tree.nodes[path[index]].rank : nil,
                    among: children,
                    probabilities: probabilities.isEmpty ? [] : probabilities[pass][row], isFirstPass: pass == 0))
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
