import FalconModels
import FalconTensor

/// A text in the making on an engine.
///
///     committed  t_0 ... t_n-1 | t_n  the newest token: chosen by the target, not seen by it yet
///     features   f_0 ... f_n-1 |
final class TextInProgress {
    /// What its rows of the pass under way are.
    enum Pass {
        case none
        /// The next part of the prompt.
        case prompt(count: Int)
        case plain
        case draft(TokenChoice.Draft, extend: Double)
        /// The text's last token, whose features are wanted though nothing follows it.
        case closing
    }

    let id: DecodingEngine.TextID
    let prompt: [Int32]
    let stop: StopRule
    private let isContinued: Bool
    private let series: Int?
    let drafter: (any RoundDrafter)?
    let cache: KeyValueCache
    var choice: TokenChoice
    var text = DecodedText()
    var hasEnded = false
    var isCancelled = false
    var pass = Pass.none
    /// Seconds in which its pass was drafted.
    var draftSeconds = 0.0
    /// Those of a draft that was made beside other texts'.
    var sharedDraftSeconds = 0.0

    /// Rows for which the pass before had no room.
    private var waiting: PassRows?
    private var newest: Int32 = 0
    private let keepsFeatures: Bool
    private var hasShared = false
    /// Features that are kept: the prompt's for the drafter, all of them where that was asked for.
    private var kept: [Tensor] = []

    /// - Parameter stop: within the context.
    init(
        _ id: DecodingEngine.TextID, _ request: DecodingEngine.Request, stop: StopRule, drafter: (any RoundDrafter)?,
        keepsFeatures: Bool, target: TargetModel, pool: ThreadPool
    ) {
        (self.id, prompt, self.stop) = (id, request.prompt, stop)
        (self.drafter, self.keepsFeatures) = (drafter, keepsFeatures)
        (isContinued, series) = (request.isContinued, request.series)
        cache = target.makeCache(capacity: prompt.count + stop.maximumTokens + (drafter?.treeRows ?? 0))
        choice = TokenChoice(
            request.sampling, prompt: prompt, stream: request.stream, pool: pool)
    }

    /// How deep a tree is worth drafting: of the tokens that are still allowed the target gives the last one itself.
    var room: Int { stop.maximumTokens - text.tokens.count - 1 }

    /// Tokens of the prompt that the target has not seen.
    var unseenPrompt: Int { max(0, prompt.count - cache.committedCount) }

    /// Whether the target has seen the whole prompt.
    private var isBegun: Bool { !text.tokens.isEmpty }

    /// Whether its next pass is one that a draft can be for.
    var canDraft: Bool { isBegun && !hasEnded && !isCancelled && !isWaiting }

    /// Whether its rows found no room in the pass before.
    var isWaiting: Bool { waiting != nil }

    /// Keeps rows for the next pass. What was drafted stays, so that a text does not depend on the company.
    func wait(with rows: PassRows) {
        waiting = rows
        // That pass is not this text's: its time is told by those that are in it.
        text.seconds.draft += draftSeconds
        draftSeconds = 0
    }

    // MARK: Before a pass

    /// Its rows of the next pass; `nil` for a text that ends without one.
    ///
    /// - Parameter limit: the most tokens of a prompt.
    func rows(limit: Int, clock: SecondsClock) -> PassRows? {
        if let rows = waiting {
            waiting = nil
            return rows
        }
        draftSeconds = 0
        if hasEnded {
            pass = .closing
            return PassRows(next: [newest], cache: cache)
        }
        guard isBegun else {
            let start = cache.committedCount
            let end = min(prompt.count, start + max(1, limit))
            pass = .prompt(count: end - start)
            return PassRows(next: Array(prompt[start..<end]), cache: cache)
        }
        let before = clock()
        let round = drafter?.next(&choice, room: room) ?? .plain
        draftSeconds = clock() - before + sharedDraftSeconds
        sharedDraftSeconds = 0
        switch round {
        case .end:
            (pass, hasEnded) = (.none, true)
            return nil
        case .plain:
            pass = .plain
            return PassRows(next: [newest], cache: cache)
        case .draft(let draft, let extend):
            pass = .draft(draft, extend: extend)
            return PassRows(
                tokens: [newest] + draft.tokens, parents: [-1] + draft.parents.map { $0 + 1 }, cache: cache)
        }
    }

    /// Which of its rows of the pass the LM head is asked for.
    var scoredRows: Range<Int> {
        switch pass {
        case .none, .closing: 0..<0
        case .prompt(let count): cache.committedCount + count == prompt.count ? count - 1..<count : 0..<0
        case .plain: 0..<1
        case .draft(let draft, _): 0..<draft.tokens.count + 1
        }
    }

    // MARK: Beginnings that texts share

    /// Whether features of the prompt are kept.
    private var needsFeatures: Bool { keepsFeatures || drafter?.wantsFeatures == true }

    /// Goes on behind what is known of a prompt that begins the same. Its last token is left to a pass.
    func takeBeginning(from beginnings: SharedBeginnings) {
        let start = cache.committedCount
        guard start % CachePage.positions == 0 else { return }
        for page in beginnings.pages(
            of: prompt, from: start, to: prompt.count - 1, withFeatures: needsFeatures)
        {
            cache.append(page.cache)
            if needsFeatures, let features = page.features { kept.append(features) }
        }
    }

    /// Leaves what the target has seen to texts that begin the same: the prompt, and the answer once it is whole, where
    /// somebody will go on behind it.
    func share(with beginnings: SharedBeginnings) {
        guard isContinued || !hasShared else { return }
        hasShared = true
        // Where only the head wants features, they are let go behind the prompt.
        guard !needsFeatures || !kept.isEmpty else { return }
        let known = hasEnded && (keepsFeatures || !needsFeatures) ? prompt + text.tokens.dropLast() : prompt
        let tokens = Array(known.prefix(cache.committedCount))
        var all: Tensor?
        beginnings.add(tokens, series: series, isContinued: isContinued) { index in
            if needsFeatures && all == nil { all = .stacked(kept) }
            let rows = index * CachePage.positions..<(index + 1) * CachePage.positions
            return SharedBeginnings.Page(cache: cache.page(index), features: all?.rows(rows))
        }
    }

    // MARK: After a pass

    /// The choices of a pass: tokens, and the rows and ranks of the draft that stay.
    struct Chosen {
        var tokens: [Int32] = []
        var rows: [Int] = []
        var path: [Int] = []
        var looks: [RankStatistics.Look] = []
    }

    /// Chooses by the scores of `scoredRows`. Touches nothing but this text, so that texts can choose at once.
    func choose(_ scores: TokenChoice.Scores) -> Chosen {
        switch pass {
        case .none, .closing: return Chosen(rows: [0])
        case .prompt(let count):
            return Chosen(tokens: scoredRows.isEmpty ? [] : [choice.token(scores)], rows: Array(0..<count))
        case .plain: return Chosen(tokens: [choice.token(scores)], rows: [0])
        case .draft(let draft, _):
            let verified = choice.verify(draft, scores)
            return Chosen(
                tokens: verified.tokens, rows: [0] + verified.path.map { $0 + 1 },
                path: verified.path.map(draft.rank(of:)), looks: verified.looks)
        }
    }

    /// Keeps what was chosen.
    ///
    /// - Parameter features: of its rows of the pass, `[rows, hidden]`.
    func commit(_ chosen: Chosen, features: Tensor, receive: (DecodedPass) throws -> Void) throws {
        cache.commit(path: chosen.rows)
        let features = chosen.rows.count == features.rowCount ? features : features.rows(chosen.rows)
        switch pass {
        case .none: break
        case .closing: kept.append(features)
        case .prompt:
            if needsFeatures { kept.append(features) }
            guard let first = chosen.tokens.first else { return }
            drafter?.committed(
                kept.isEmpty ? features : kept.count == 1 ? kept[0] : .stacked(kept),
                nextTokens: prompt.dropFirst() + [first])
            newest = first
            hasEnded = try text.takeFirst(first, stop: stop, receive: receive)
        case .plain, .draft:
            if keepsFeatures { kept.append(features) } else { kept = [] }
            drafter?.committed(features, nextTokens: chosen.tokens)
            newest = chosen.tokens[chosen.tokens.count - 1]
            var (depth, passes, added) = (0, 0, 0)
            if case .draft(let draft, _) = pass {
                (depth, passes, added) = (draft.depth, draft.tree.passCount, draft.addedParents.count)
            }
            hasEnded = try text.take(
                chosen.tokens, path: chosen.path, treeDepth: depth, draftPasses: passes, lookupTokens: added,
                looks: chosen.looks, stop: stop, receive: receive)
        }
    }

    /// Whether a pass over the last token is still to come.
    var wantsClosing: Bool {
        guard hasEnded, keepsFeatures, let last = text.tokens.last else { return false }
        if case .closing = pass { return false }
        // A draft may have run on behind the end of the text.
        newest = last
        let seen = prompt.count + text.tokens.count - 1
        if cache.committedCount > seen { cache.truncate(to: seen) }
        return true
    }

    /// Features of the prompt and of all tokens of the text, `[prompt + tokens, hidden]`, where they are kept.
    func features() -> Tensor? {
        guard keepsFeatures, case .closing = pass, let closing = kept.popLast() else { return nil }
        let all = Tensor.stacked(kept)
        return .stacked([all.rows(0..<prompt.count + text.tokens.count - 1), closing])
    }
}
