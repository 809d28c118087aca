/// What one target pass added to a text.
package struct DecodedPass: Sendable, Equatable {
    /// Tokens of the text: those that were drafted, then the target's own one unless the text ended before.
    package let tokens: [Int32]
    /// The accepted nodes: the ranks from the root's child down, `lookupRank` for those of n-grams.
    package let path: [Int]
    /// How many of the tokens the draft head proposed: the accepted nodes' own, but for a replay that left its text.
    package let drafted: Int
    /// The depth of the tree that was drafted: less than asked for where few tokens were still allowed.
    package let treeDepth: Int

    /// How many drafted tokens were accepted.
    package var accepted: Int { path.count }

    /// Stands for a node that no head ranked.
    static let lookupRank = 255
}

/// A continued prompt, and what it took.
package struct DecodedText: Sendable {
    /// The continuation, the end-of-text token included where one ended it.
    package internal(set) var tokens: [Int32] = []
    package internal(set) var statistics = AcceptStatistics()
    private var log = PassLog()
    /// Where the text's tokens stood among the draft head's candidates.
    package internal(set) var ranks = RankStatistics()
    /// How sure the head was of them, where its tree grew by that.
    var confidence = Confidence()
    package internal(set) var seconds = PhaseSeconds()

    /// What each target pass added, in order; the first token, which the pass over the prompt yields, is in none.
    package var passes: [DecodedPass] { log.passes(of: tokens) }

    /// Accepted draft tokens of each target pass, in order.
    package var acceptLengths: [Int] { passes.map(\.accepted) }

    /// Lets go what only choosing a tree asks for, which takes more memory than a text itself.
    mutating func forgetLooks() { (ranks, confidence) = (RankStatistics(), Confidence()) }

    /// Takes what belongs to the text of the tokens that a pass yielded, and tells whether the text has ended.
    ///
    /// - Parameters:
    ///   - path: the ranks of the accepted nodes.
    ///   - drafted: how many of `new`, from the first, are those nodes' tokens; `nil` where all of them are there.
    ///   - treeDepth: of the tree that was drafted.
    ///   - lookupTokens: nodes that n-grams proposed.
    ///   - looks: where the tokens stood in the head's rankings, as far as there are any.
    ///   - isCut: whether nobody knows if more would have been accepted; of a replay.
    mutating func take(
        _ new: [Int32], path: [Int], drafted: Int? = nil, treeDepth: Int, draftPasses: Int,
        lookupTokens: Int = 0, looks: [RankStatistics.Look] = [], isCut: Bool = false, stop: StopRule,
        receive: (DecodedPass) throws -> Void
    ) rethrows -> Bool {
        let (count, ends) = stop.admit(new, after: tokens)
        let pass = DecodedPass(
            tokens: Array(new.prefix(count)), path: Array(path.prefix(count)),
            drafted: min(drafted ?? path.count, count),
            treeDepth: treeDepth)
        statistics.recordPass(
            accepted: pass.accepted, generated: count, draftPasses: draftPasses,
            lookup: (lookupTokens, pass.path.count { $0 == DecodedPass.lookupRank }), isCut: isCut)
        log.append(pass)
        ranks.record(looks.prefix(count))
        confidence.record(looks.prefix(count))
        tokens += pass.tokens
        try receive(pass)
        return ends
    }

    /// Takes the token that the pass over the prompt yielded, and tells whether the text ends with it.
    mutating func takeFirst(
        _ token: Int32, stop: StopRule, receive: (DecodedPass) throws -> Void
    ) rethrows -> Bool {
        statistics.recordPrompt()
        let ends = stop.admit([token], after: []).ends
        tokens.append(token)
        try receive(DecodedPass(tokens: [token], path: [], drafted: 0, treeDepth: 0))
        return ends
    }
}

/// The passes of a text in flat arrays: a run keeps the texts of all its prompts, and arrays of a few bytes each would
/// lie between the blocks that decoding takes and frees, so that those could not be used again.
private struct PassLog: Sendable {
    private struct Entry {
        let tokens, accepted, drafted, treeDepth: Int32
    }

    private var entries: [Entry] = []
    /// The ranks of all passes' paths, one behind the other; `DecodedPass.lookupRank` at most.
    private var ranks: [UInt8] = []

    mutating func append(_ pass: DecodedPass) {
        entries.append(
            Entry(
                tokens: Int32(pass.tokens.count), accepted: Int32(pass.accepted), drafted: Int32(pass.drafted),
                treeDepth: Int32(pass.treeDepth)))
        ranks += pass.path.lazy.map { UInt8($0) }
    }

    /// - Parameter tokens: the text's, the first of which belongs to no pass.
    func passes(of tokens: [Int32]) -> [DecodedPass] {
        var (token, rank) = (1, 0)
        return entries.map { entry in
            let (end, last) = (token + Int(entry.tokens), rank + Int(entry.accepted))
            defer { (token, rank) = (end, last) }
            return DecodedPass(
                tokens: Array(tokens[token..<end]), path: ranks[rank..<last].map { Int($0) },
                drafted: Int(entry.drafted), treeDepth: Int(entry.treeDepth))
        }
    }
}
