import FalconDraft
import FalconModels
import FalconShards
import FalconTensor

/// Greedy speculative decoding of stored texts, without a pass of the target: what would have been accepted?
///
/// Features are stored along the text, so the target's own next token is known after each of its positions: the
/// argmax of the LM head on the feature there. Each round drafts with the real `DraftSession` and accepts what greedy
/// verification would accept; only the rows of the target's pass are read instead of computed, and of the tree's blocks
/// only those are drafted that the accepted path comes through (a block's rows do not depend on its siblings). A tree
/// that grows in each round is drafted whole: what it becomes depends on all of its blocks.
///
///     stored    t_0 ... t_n | t_n+1  t_n+2 ...      a pass starts at the newest token t_n
///     choice    y_n         | y_n+1  y_n+2 ...      y_i = argmax W f_i, the target's own token behind t_i
///
/// **On the target's own greedy text** (y_i = t_i+1 throughout) with float32 features this is the live run: same
/// passes, same accepted nodes, same figures, since inference is batch-invariant.
///
/// **Elsewhere**, at a position where the text differs (y_i != t_i+1):
/// - a pass that reaches it accepts a candidate y_i and no other, as the live target would. Without such a candidate,
///   or with one that has no children, the pass is over and known in full;
/// - where the candidate y_i has children, nothing is known of them, for no feature behind y_i is stored: the pass is
///   *cut*. It counts with what it accepted up to y_i, and is left out of the acceptance of all deeper depths;
/// - the next pass starts at the stored token t_i+1, as though the target had chosen it.
///
/// So the counts are a lower bound there, the acceptance by depth is over observed decisions only, and
/// `AcceptStatistics.acceptLengthEstimate` puts those together (the product-limit estimate of Kaplan and Meier).
package struct FeatureReplay: Sendable {
    private let ends: EmbeddingAndHead
    let head: DraftHead
    private let shape: Shape
    private let stop: StopRule
    /// What a planner expects of a pass over a tree.
    private let expect: @Sendable (TokenTree) -> ReplayedAnswer.Expectation

    /// What each pass drafts.
    private enum Shape: Sendable {
        /// - Parameter children: of the root and then of each node.
        case fixed(TokenTree, children: [[Int]])
        case grown(DynamicTree)
    }

    /// - Parameters:
    ///   - ends: those of the target that made the features.
    ///   - tree: for the head's block size.
    ///   - stop: the live run's. A stored answer ends at its first end token or at the limit; one that ends before
    ///     both, because its conversation was cut, ends there as at a limit.
    package init(ends: EmbeddingAndHead, head: DraftHead, tree: TokenTree, stop: StopRule) {
        precondition(
            tree.blockSize == head.blockSize,
            "a tree for block size \(tree.blockSize) with a draft head of \(head.blockSize)")
        (self.ends, self.head, self.stop) = (ends, head, stop)
        shape = .fixed(tree, children: tree.children)
        expect = { _ in ReplayedAnswer.Expectation() }
    }

    /// Replays with a planner's plan, as it is now.
    ///
    /// - Parameter planner: calibrated, and made to draft anyway.
    package init(ends: EmbeddingAndHead, head: DraftHead, planner: TreePlanner, stop: StopRule) {
        precondition(
            planner.blockSize == head.blockSize,
            "a planner for block size \(planner.blockSize) with a draft head of \(head.blockSize)")
        (self.ends, self.head, self.stop) = (ends, head, stop)
        let (plan, costs) = (planner.plan, planner.costs)
        if let dynamic = plan.dynamic {
            shape = .grown(dynamic)
        } else {
            let tree = plan.tree ?? .none(blockSize: head.blockSize)
            shape = .fixed(tree, children: tree.children)
        }
        expect = { tree in
            ReplayedAnswer.Expectation(
                seconds: costs.round(tree), accepted: tree.nodes.isEmpty ? 0 : plan.acceptLength)
        }
    }

    /// Replays every answer of a conversation: each run of tokens that the loss mask marks. It has the states of the
    /// layers that the head reads, where that reads any.
    package func replay(_ sequence: FeatureSequence, on pool: ThreadPool) -> [ReplayedAnswer] {
        let answers = StoredAnswer.all(in: sequence, stop: stop, context: ends.configuration.positionLimit)
        guard let last = answers.last else { return [] }
        // One block a pass, at most.
        let session = DraftSession(head: head, capacity: last.tokens.upperBound, branchRows: branchRows)
        let rows = sequence.rows(with: head.configuration.auxiliaryLayers)
        var fed = 0
        return answers.map { answer in
            let choices = choices(of: answer, in: sequence, on: pool)
            var (text, expected) = (DecodedText(), ReplayedAnswer.Expectation())
            var ended = text.takeFirst(sequence.tokens[answer.tokens.lowerBound], stop: answer.stop) { _ in }
            var newest = answer.tokens.lowerBound
            while !ended {
                session.extend(
                    features: rows.rows(fed..<newest),
                    nextTokens: Array(sequence.tokens[fed + 1..<newest + 1]), on: pool)
                fed = newest
                let (walk, tree, expectation) = pass(
                    session, deepest: answer.stop.maximumTokens - text.tokens.count - 1,
                    stored: sequence.tokens[newest..<answer.tokens.upperBound],
                    choices: choices[(newest - answer.tokens.lowerBound + 1)...], on: pool)
                expected.add(expectation)
                ended = text.take(
                    walk.tokens, path: walk.path.map { tree.nodes[$0].rank }, drafted: walk.onText,
                    treeDepth: tree.depth, draftPasses: tree.passCount, looks: walk.looks, isCut: walk.isCut,
                    stop: answer.stop
                ) { _ in }
                newest += walk.tokens.count
            }
            let agreeing = zip(choices, sequence.tokens[answer.tokens]).count { $0 == $1 }
            return ReplayedAnswer(answer: answer, decoded: text, agreeingTokens: agreeing, expectation: expected)
        }
    }

    /// The most rows of blocks that a pass drafts.
    private var branchRows: Int {
        switch shape {
        // One block a draft pass.
        case .fixed(let tree, _): tree.passCount * tree.blockSize
        case .grown(let dynamic): (dynamic.nodeLimit + 1) * dynamic.blockSize
        }
    }

    /// One pass.
    ///
    /// - Parameter deepest: the depth of the deepest node that is of use.
    private func pass(
        _ session: DraftSession, deepest: Int, stored: ArraySlice<Int32>, choices: ArraySlice<Int32>,
        on pool: ThreadPool
    ) -> (walk: StoredWalk, tree: TokenTree, expectation: ReplayedAnswer.Expectation) {
        switch shape {
        case .fixed(let tree, let children):
            let wanted = tree.limited(toDepth: session.positionCount >= tree.blockSize ? deepest : 0)
            let walk = walk(wanted, children: children, session, stored: stored, choices: choices, on: pool)
            return (walk, wanted, expect(wanted))
        case .grown(let dynamic):
            var choice = TokenChoice(.greedy, prompt: [], pool: pool)
            let draft = choice.draft(.growing(dynamic, deepest: deepest), session: session)
            let walk = StoredWalk(
                draft.tree, children: draft.tree.children, stored: stored, choices: choices, rank: draft.rank)
            let seconds = expect(draft.tree).seconds
            return (walk, draft.tree, .init(seconds: seconds, accepted: draft.expectedAccepted))
        }
    }

    /// Drafts block after block as long as the target goes along.
    private func walk(
        _ tree: TokenTree, children: [[Int]], _ session: DraftSession, stored: ArraySlice<Int32>,
        choices: ArraySlice<Int32>, on pool: ThreadPool
    ) -> StoredWalk {
        var drafted = -1
        var (features, logits): (Tensor?, Tensor?)
        let rankings = (0..<tree.passCount).map { tree.rankings(pass: $0, byParent: head.correctsBlocks) }
        return StoredWalk(tree, children: children, stored: stored, choices: choices) { token, node in
            // A row may be ranked for the sake of another node's children: that is a look at it all the same.
            guard let (pass, row) = tree.row(below: node),
                let ranking = rankings[pass].index(row: row, below: node)
            else { return nil }
            if pass > drafted {
                if pass == 0 {
                    features = session.firstBlock(on: pool)
                } else {
                    // What was accepted so far are the target's own choices.
                    let block = choices.dropFirst((pass - 1) * tree.blockSize).prefix(tree.blockSize)
                    features = session.expand([(parent: pass - 1, tokens: Array(block))], on: pool)
                }
                (drafted, logits) = (pass, features.map { head.logits($0, on: pool) })
            }
            guard let features, var logits else {
                preconditionFailure("a tree below fewer positions than a block has")
            }
            var offset = row % tree.blockSize
            if rankings[pass].all[ranking].parent != nil {
                // What stands at the node is the target's choice: the walk came this way.
                let own = choices[choices.startIndex + tree.nodes[node].depth - 1]
                logits = head.logits(
                    correcting: logits.rows(offset..<offset + 1), feature: features.rows(offset..<offset + 1),
                    tokens: [own], on: pool)
                offset = 0
            }
            return logits.rank(of: token, inRow: offset, head.vocabulary)
        }
    }

    /// The target's own token for each of an answer's positions: what it chooses behind the token before.
    private func choices(of answer: StoredAnswer, in sequence: FeatureSequence, on pool: ThreadPool) -> [Int32] {
        let positions = answer.tokens.lowerBound - 1..<answer.tokens.upperBound - 1
        // Pieces bound the memory of logits; a row's result does not depend on them.
        let piece = 64
        return stride(from: positions.lowerBound, to: positions.upperBound, by: piece).flatMap { start in
            ends.greedyTokens(sequence.features.rows(start..<min(start + piece, positions.upperBound)), on: pool)
        }
    }
}

/// An answer in a stored conversation, and when live decoding would have stopped it.
package struct StoredAnswer: Sendable {
    /// Its positions, the end token included where one ends it.
    package let tokens: Range<Int>
    package let stop: StopRule

    /// - Parameter context: the target's; no answer goes beyond it.
    static func all(in sequence: FeatureSequence, stop: StopRule, context: Int) -> [StoredAnswer] {
        var answers: [StoredAnswer] = []
        var position = 0
        while position < sequence.length {
            let start = position
            while position < sequence.length, sequence.lossMask[position] == sequence.lossMask[start] { position += 1 }
            // Without a token before it there is no feature that could have chosen the first one.
            guard sequence.lossMask[start] != 0, start > 0 else { continue }
            let limit = min(stop.maximumTokens, context - start)
            let (count, ends) = stop.admit(Array(sequence.tokens[start..<position]), after: [])
            guard count > 0, limit > 0 else { continue }
            let end = start + min(count, limit)
            let byToken = ends && stop.endTokens.contains(sequence.tokens[end - 1])
            answers.append(
                StoredAnswer(
                    tokens: start..<end,
                    stop: StopRule(endTokens: stop.endTokens, maximumTokens: byToken ? limit : end - start)))
        }
        return answers
    }
}

extension StoredAnswer {
    /// The tokens before the first answers of some conversations, evenly spaced over a store.
    ///
    /// - Parameter limit: the most conversations to look at, from the start.
    /// - Throws: `FileError` or `HDF5Error` where a shard is damaged.
    package static func prompts(in store: FeatureStore, count: Int, limit: Int?) throws -> [[Int32]] {
        let conversations = min(limit ?? store.count, store.count)
        let step = max(1, conversations / max(1, count))
        return try stride(from: 0, to: conversations, by: step).prefix(count).compactMap { index in
            let sequence = try store.sequence(at: index)
            let start = sequence.lossMask.firstIndex { $0 != 0 } ?? 0
            return start > 0 ? Array(sequence.tokens[..<start]) : nil
        }
    }
}

/// A replayed answer: its tokens are the stored ones.
package struct ReplayedAnswer: Sendable {
    package let answer: StoredAnswer
    package let decoded: DecodedText
    /// How many of its tokens are what the target itself would have chosen there.
    package let agreeingTokens: Int
    /// What the planner expected of its passes; nothing without one.
    package let expectation: Expectation

    package struct Expectation: Sendable {
        /// Of the passes behind the one over the prompt.
        package var seconds = 0.0
        /// Accepted tokens.
        package var accepted = 0.0

        mutating func add(_ other: Expectation) {
            seconds += other.seconds
            accepted += other.accepted
        }
    }
}
