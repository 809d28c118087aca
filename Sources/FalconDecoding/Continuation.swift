import FalconModels
import FalconTensor

/// A text in the making: what plain and speculative decoding have in common.
///
///     committed  t_0 ... t_n-1 | t_n  the newest token: chosen by the target, not seen by it yet
///     features   f_0 ... f_n-1 |
struct Continuation {
    /// Random numbers and rule of the target's choices; drafting draws from it too.
    var choice: TokenChoice
    var text = DecodedText()
    private(set) var hasEnded = false
    /// Features of the positions that the last pass committed, `[positions, hidden]`: at first the whole prompt's.
    private(set) var features: Tensor
    /// The token after each of those positions; the last one is the newest.
    private(set) var nextTokens: [Int32] = []

    private let target: TargetModel
    private let stop: StopRule
    private let cache: KeyValueCache
    private let pool: ThreadPool
    private let clock: SecondsClock
    private let start: Double

    /// Sends a prompt through the target and takes the text's first token.
    ///
    /// - Parameter treeRows: the most rows of a pass over a tree, its root included.
    /// - Throws: `DecodingError` for a prompt that does not fit, and whatever `receive` throws.
    init(
        _ prompt: [Int32], stop: StopRule, target: TargetModel, sampling: SamplingRule, treeRows: Int,
        pool: ThreadPool, clock: @escaping SecondsClock, receive: (DecodedPass) throws -> Void
    ) throws {
        let stop = try DecodingError.limited(stop, prompt: prompt, context: target.configuration.positionLimit)
        (self.target, self.stop, self.pool, self.clock) = (target, stop, pool, clock)
        start = clock()
        cache = target.makeCache(capacity: prompt.count + stop.maximumTokens + treeRows)
        choice = TokenChoice(sampling, prompt: prompt, ends: target.ends, pool: pool)
        features = Tensor(zeros: [0, target.configuration.hiddenSize])
        guard stop.maximumTokens > 0 else {
            hasEnded = true
            return
        }
        let before = clock()
        features = target.forward(prompt, cache: cache, on: pool)
        let first = choice.token(after: features.rows(prompt.count - 1..<prompt.count))
        nextTokens = prompt.dropFirst() + [first]
        text.seconds.prefill = clock() - before
        hasEnded = try text.takeFirst(first, stop: stop, receive: receive)
    }

    /// The most tokens that the text can hold, the context's end considered.
    var maximumTokens: Int { stop.maximumTokens }

    /// How deep a tree is worth drafting: of the tokens that are still allowed the target gives the last one itself.
    var room: Int { stop.maximumTokens - text.tokens.count - 1 }

    /// One target pass over the newest token alone. Returns the seconds of the pass and of the choice.
    @discardableResult
    mutating func step(receive: (DecodedPass) throws -> Void) throws -> Double {
        let newest = nextTokens[nextTokens.count - 1]
        let before = clock()
        features = target.forward([newest], cache: cache, on: pool)
        nextTokens = [choice.token(after: features)]
        let seconds = clock() - before
        text.seconds.verify += seconds
        hasEnded = try text.take(nextTokens, path: [], treeDepth: 0, draftPasses: 0, stop: stop, receive: receive)
        return seconds
    }

    /// One target pass over the newest token and a tree of candidates below it. Returns the seconds of the pass and of
    /// the choice of the path.
    mutating func step(_ draft: TokenChoice.Draft, receive: (DecodedPass) throws -> Void) throws -> Double {
        let newest = nextTokens[nextTokens.count - 1]
        let before = clock()
        features = target.forward(
            [newest] + draft.tokens, parents: [-1] + draft.tree.nodes.map { $0.parent + 1 }, cache: cache, on: pool)
        let verified = choice.verify(draft, features: features)
        let decided = clock()
        let rows = [0] + verified.path.map { $0 + 1 }
        cache.commit(path: rows)
        features = features.rows(rows)
        nextTokens = verified.tokens
        text.seconds.verify += decided - before
        text.seconds.commit += clock() - decided
        hasEnded = try text.take(
            verified.tokens, path: verified.path.map { draft.tree.nodes[$0].rank }, treeDepth: draft.tree.depth,
            draftPasses: draft.tree.passCount, looks: verified.looks, stop: stop, receive: receive)
        return decided - before
    }

    /// The text, timed from the prompt to its last token.
    func finished() -> DecodedText {
        var text = text
        if stop.maximumTokens > 0 { text.seconds.total = clock() - start }
        return text
    }
}
