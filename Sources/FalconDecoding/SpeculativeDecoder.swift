import FalconDraft
import FalconModels
import FalconTensor

/// Speculative decoding with a draft tree: what `PlainDecoder` gives, in fewer target passes. Greedy tokens are the
/// same to the last one; sampled ones have the same distribution.
///
/// Each round drafts a tree below the newest token, lets the target see that token and all nodes in one pass, accepts
/// a path that the target could have taken itself, and gets the token behind it for free:
///
///     committed  t_0 ... t_n-1 | t_n  the newest token: chosen by the target, not seen by it yet
///     features   f_0 ... f_n-1 |      the draft head has seen (f_i, t_i+1) up to i = n - 1
package struct SpeculativeDecoder: TextDecoder {
    private let target: TargetModel
    private let head: DraftHead
    /// What is drafted; for sampling without gaps between ranks.
    package let tree: TokenTree
    private let sampling: SamplingRule
    private let alignment: DraftSession.Alignment
    private let pool: ThreadPool
    private let clock: SecondsClock

    /// - Parameter tree: for the head's block size.
    package init(
        target: TargetModel, head: DraftHead, tree: TokenTree, sampling: SamplingRule = .greedy,
        alignment: DraftSession.Alignment = .newest, pool: ThreadPool, clock: @escaping SecondsClock = systemSeconds
    ) {
        precondition(
            tree.blockSize == head.blockSize,
            "a tree for block size \(tree.blockSize) with a draft head of \(head.blockSize)")
        self.target = target
        self.head = head
        self.tree = sampling.isGreedy ? tree : tree.withoutGaps
        self.sampling = sampling
        self.alignment = alignment
        self.pool = pool
        self.clock = clock
    }

    package func decode(
        _ prompt: [Int32], stop: StopRule, receive: (DecodedPass) throws -> Void
    ) throws -> DecodedText {
        let stop = try DecodingError.limited(stop, prompt: prompt, context: target.configuration.maxPositions)
        var text = DecodedText()
        guard stop.maximumTokens > 0 else { return text }
        let start = clock()

        let positions = prompt.count + stop.maximumTokens
        let cache = target.makeCache(capacity: positions + tree.nodes.count + 1)
        let session = DraftSession(
            head: head, capacity: positions, branchRows: tree.draftRowCount, alignment: alignment)
        var choice = TokenChoice(sampling, prompt: prompt, ends: target.ends, pool: pool)
        var (features, newest) = text.seconds.measure(\.prefill, clock) {
            let features = target.forward(prompt, cache: cache, on: pool)
            return (features, choice.token(after: features.rows(prompt.count - 1..<prompt.count)))
        }
        var nextTokens = prompt.dropFirst() + [newest]
        var ended = try text.takeFirst(newest, stop: stop, receive: receive)
        while !ended {
            // Of the tokens that are still allowed the target gives the last one itself.
            let wanted = tree.limited(toDepth: stop.maximumTokens - text.tokens.count - 1)
            let draft = text.seconds.measure(\.draft, clock) {
                session.extend(features: features, nextTokens: Array(nextTokens), on: pool)
                return choice.draft(wanted, session: session)
            }
            let verified = text.seconds.measure(\.verify, clock) {
                features = target.forward(
                    [newest] + draft.tokens, parents: [-1] + draft.tree.nodes.map { $0.parent + 1 }, cache: cache,
                    on: pool)
                return choice.verify(draft, features: features)
            }
            text.seconds.measure(\.commit, clock) {
                let rows = [0] + verified.path.map { $0 + 1 }
                cache.commit(path: rows)
                features = features.rows(rows)
            }
            nextTokens = verified.tokens[...]
            newest = verified.tokens[verified.tokens.count - 1]
            ended = try text.take(
                verified.tokens, path: verified.path.map { draft.tree.nodes[$0].rank }, treeDepth: draft.tree.depth,
                draftPasses: draft.tree.passCount, looks: verified.looks, stop: stop, receive: receive)
        }
        text.seconds.total = clock() - start
        return text
    }
}
