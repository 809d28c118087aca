import FalconDraft
import FalconModels
import FalconTensor

/// Greedy speculative decoding with a draft tree: the same tokens as `PlainDecoder`, to the last one, in fewer target
/// passes.
///
/// Each round drafts a tree below the newest token, lets the target see that token and all nodes in one pass, accepts
/// the longest path that the target would have taken itself, and gets the token behind it for free:
///
///     committed  t_0 ... t_n-1 | t_n  the newest token: chosen by the target, not seen by it yet
///     features   f_0 ... f_n-1 |      the draft head has seen (f_i, t_i+1) up to i = n - 1
package struct SpeculativeDecoder: TextDecoder {
    private let target: TargetModel
    private let head: DraftHead
    private let tree: TokenTree
    private let alignment: DraftSession.Alignment
    private let pool: ThreadPool
    private let clock: SecondsClock

    /// - Parameter tree: for the head's block size.
    package init(
        target: TargetModel, head: DraftHead, tree: TokenTree, alignment: DraftSession.Alignment = .newest,
        pool: ThreadPool, clock: @escaping SecondsClock = systemSeconds
    ) {
        precondition(
            tree.blockSize == head.blockSize,
            "a tree for block size \(tree.blockSize) with a draft head of \(head.blockSize)")
        self.target = target
        self.head = head
        self.tree = tree
        self.alignment = alignment
        self.pool = pool
        self.clock = clock
    }

    package func decode(
        _ prompt: [Int32], stop: StopRule, receive: ([Int32]) throws -> Void
    ) throws -> DecodedText {
        let stop = try DecodingError.limited(stop, prompt: prompt, context: target.configuration.maxPositions)
        var text = DecodedText()
        guard stop.maximumTokens > 0 else { return text }
        let start = clock()

        let positions = prompt.count + stop.maximumTokens
        let cache = target.makeCache(capacity: positions + tree.nodes.count + 1)
        let session = DraftSession(
            head: head, capacity: positions, branchRows: tree.draftRowCount, alignment: alignment)
        var (features, newest) = text.seconds.measure(\.prefill, clock) {
            let features = target.forward(prompt, cache: cache, on: pool)
            return (features, target.greedyTokens(features.rows(prompt.count - 1..<prompt.count), on: pool)[0])
        }
        var nextTokens = prompt.dropFirst() + [newest]
        var ended = try text.takeFirst(newest, stop: stop, receive: receive)
        while !ended {
            // Of the tokens that are still allowed the target gives the last one itself.
            let wanted = tree.limited(toDepth: stop.maximumTokens - text.tokens.count - 1)
            let (nodeTokens, round) = text.seconds.measure(\.draft, clock) {
                session.extend(features: features, nextTokens: Array(nextTokens), on: pool)
                return TreeDraft.fill(wanted, session: session, on: pool) { target.logits($0, on: pool) }
            }
            let choices = text.seconds.measure(\.verify, clock) {
                features = target.forward(
                    [newest] + nodeTokens, parents: [-1] + round.nodes.map { $0.parent + 1 }, cache: cache, on: pool)
                return target.greedyTokens(features, on: pool)
            }
            let verified = text.seconds.measure(\.commit, clock) {
                let verified = GreedyVerification(tree: round, nodeTokens: nodeTokens, targetTokens: choices)
                let rows = [0] + verified.path.map { $0 + 1 }
                cache.commit(path: rows)
                features = features.rows(rows)
                return verified
            }
            nextTokens = verified.tokens[...]
            newest = verified.tokens[verified.tokens.count - 1]
            ended = try text.take(
                verified.tokens, drafted: verified.path.count, draftPasses: round.passCount, stop: stop,
                receive: receive)
        }
        text.seconds.total = clock() - start
        return text
    }
}

/// Fills a tree with the draft head's candidates.
enum TreeDraft {
    /// - Parameter logits: the target's LM head, `[rows, hidden]` to `[rows, vocabulary]`.
    /// - Returns: a token for each node, and the tree they belong to: the whole one, or one without nodes where the
    ///   sequence is still shorter than a block.
    static func fill(
        _ tree: TokenTree, session: DraftSession, on pool: ThreadPool, logits: (Tensor) -> Tensor
    ) -> (tokens: [Int32], tree: TokenTree) {
        guard !tree.nodes.isEmpty, let first = session.firstBlock(on: pool) else {
            return ([], tree.limited(toDepth: 0))
        }
        let (size, wanted) = (tree.blockSize, tree.candidatesPerRow)
        var tokens = [Int32](repeating: 0, count: tree.nodes.count)
        var features = first
        // Where each pass's blocks begin in the session's numbering.
        var firstBlock = 0
        for pass in 0..<tree.passCount {
            if pass > 0 {
                let blocks = tree.expansions[pass - 1]
                let previous = firstBlock
                firstBlock += pass == 1 ? 1 : tree.expansions[pass - 2].count
                features = session.expand(
                    blocks.map { (previous + $0.parent, $0.nodes.map { tokens[$0] }) }, on: pool)
            }
            let rankings = rank(features, wanted[pass], logits)
            for (index, node) in tree.nodes.enumerated() where node.pass == pass {
                tokens[index] = rankings[node.block * size + node.offset][node.rank]
            }
        }
        return (tokens, tree)
    }

    /// For each row its best tokens by the LM head, as many as wanted.
    private static func rank(_ features: Tensor, _ wanted: [Int], _ logits: (Tensor) -> Tensor) -> [[Int32]] {
        let rows = wanted.indices.filter { wanted[$0] > 0 }
        let ranked = logits(rows.count == wanted.count ? features : features.rows(rows))
        var rankings = [[Int32]](repeating: [], count: wanted.count)
        for (row, best) in zip(rows, ranked.largest(wanted.max() ?? 0)) { rankings[row] = best.map(\.column) }
        return rankings
    }
}
