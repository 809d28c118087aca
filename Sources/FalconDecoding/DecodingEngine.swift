import FalconDraft
import FalconModels
import FalconTensor

/// Decodes up to N texts at once: each pass of the target takes rows of several texts, parts of prompts, single tokens
/// and trees, each row seeing its own text. A text that ends makes room at once.
///
/// A text's tokens are the same bits alone and in any company, order of arrival, batch and number of threads: every
/// product's rows are independent of the rows beside them, attention is each text's own, and random numbers are named
/// by the text. `PlainDecoder` and `SpeculativeDecoder` are engines of one text.
///
/// One owner at a time calls it.
package final class DecodingEngine {
    package struct Options: Sendable {
        /// Texts that are decoded at once; others wait.
        package var maximumTexts: Int
        /// The most rows of a pass: parts of prompts fill it up. One text's tree may have more, and a few rows go to a
        /// prompt in any company. A text that finds no room comes first in the next pass.
        package var passRows: Int
        /// The most bytes of beginnings that are kept for texts that begin the same; `nil` and 0 keep none.
        package var cacheBytes: Int?
        /// Whether finished texts come with the target's features of the passes that made them.
        package var keepsFeatures: Bool
        /// Layers whose states stand beside the features of finished texts (`AuxiliaryLayers`), ascending.
        package var states: [Int] = []

        /// Beginnings of many texts: a sixteenth of the memory, 256 MiB at most.
        package static var usualCacheBytes: Int { min(1 << 28, MemoryLimit.byteCount / 16) }

        package init(maximumTexts: Int, passRows: Int = 512, cacheBytes: Int? = nil, keepsFeatures: Bool = false) {
            precondition(maximumTexts > 0 && passRows > 0, "an engine for \(maximumTexts) texts")
            (self.maximumTexts, self.passRows, self.keepsFeatures) = (maximumTexts, passRows, keepsFeatures)
            self.cacheBytes = cacheBytes
        }
    }

    /// A prompt that is to be continued.
    package struct Request {
        package var prompt: [Int32]
        package var stop: StopRule
        package var sampling: SamplingRule
        /// Names the random numbers that the text is drawn with, beside the seed; `nil` where the prompt does.
        package var stream: String?
        /// Whether a text will follow that begins with this one and its answer, as the next turn of a dialogue does.
        package var isContinued = true
        /// Names texts of which each goes on behind the one before, as the turns of a dialogue do: what one leaves is
        /// kept for the next alone, until `endSeries`. `nil`: kept for anybody, as long as there is room.
        package var series: Int?
        /// In place of the engine's head; given the most positions of the text.
        var drafter: ((_ positions: Int) -> any RoundDrafter)?

        package init(prompt: [Int32], stop: StopRule, sampling: SamplingRule = .greedy, stream: String? = nil) {
            (self.prompt, self.stop, self.sampling, self.stream) = (prompt, stop, sampling, stream)
        }
    }

    package struct TextID: Hashable, Sendable {
        let number: Int
    }

    package struct FinishedText {
        package let id: TextID
        package let text: DecodedText
        /// Of the prompt and of every token of the text, the last one's included, `[prompt + tokens, hidden]`: the bits
        /// that one pass over the whole sequence gives, and beside them the states that the engine's options ask for.
        /// `nil` where they are not kept or there is no token.
        package let features: Tensor?
    }

    private let target: TargetModel
    private let head: DraftHead?
    private let shape: DraftShape?
    private let lookup: LookupPlanner?
    private let options: Options
    private let pool: ThreadPool
    private let clock: SecondsClock
    private var waiting: [(id: TextID, request: Request, stop: StopRule)] = []
    private var texts: [TextInProgress] = []
    private var submitted = 0
    private let beginnings: SharedBeginnings?
    /// Layers whose states stand beside all features of passes: the head's, and those that were asked for.
    private let states: [Int]

    /// - Parameters:
    ///   - head: drafts for every text; with `shape`, for its block size.
    ///   - lookup: drafts from each text's own n-grams, alone or beside the head.
    package init(
        target: TargetModel, head: DraftHead? = nil, shape: DraftShape? = nil, lookup: LookupPlanner? = nil,
        options: Options, pool: ThreadPool,
        clock: @escaping SecondsClock = systemSeconds
    ) {
        (self.target, self.head, self.shape, self.lookup, self.options) = (target, head, shape, lookup, options)
        (self.pool, self.clock) = (pool, clock)
        states = AuxiliaryLayers.union(options.states, head?.configuration.auxiliaryLayers ?? [])
        beginnings = options.cacheBytes.flatMap { $0 > 0 ? SharedBeginnings(byteLimit: $0) : nil }
    }

    /// Texts that were submitted and are neither finished nor cancelled.
    package var inFlight: Int { texts.count + waiting.count }
    package var isIdle: Bool { inFlight == 0 }

    /// Pages of 64 tokens that are kept for texts that begin the same, and their bytes.
    package var sharedPages: (count: Int, bytes: Int) { (beginnings?.pageCount ?? 0, beginnings?.byteCount ?? 0) }

    /// Bytes of keys and values: of the texts under way and of the beginnings that are kept.
    package var heldBytes: Int { texts.reduce(sharedPages.bytes) { $0 + $1.cache.byteCount } }

    /// Says that no text of a series will follow: what is kept for it alone is dropped.
    package func endSeries(_ series: Int) { beginnings?.end(series: series) }

    /// Drops all beginnings that are kept.
    package func forgetBeginnings() { beginnings?.removeAll() }

    /// Takes on a text, which waits where `maximumTexts` are being decoded.
    ///
    /// - Throws: `DecodingError` for a prompt that does not fit the context.
    package func submit(_ request: Request) throws -> TextID {
        let stop = try DecodingError.limited(
            request.stop, prompt: request.prompt, context: target.configuration.positionLimit)
        let id = TextID(number: submitted)
        submitted += 1
        waiting.append((id, request, stop))
        return id
    }

    /// Drops a text, which is in no list of finished ones then; `receive` of a pass may do so, too. Its memory is free
    /// at once, or with the end of the pass.
    package func cancel(_ id: TextID) {
        waiting.removeAll { $0.id == id }
        for text in texts where text.id == id { text.isCancelled = true }
        texts.removeAll { $0.id == id }
    }

    /// One pass over rows of all texts that are being decoded.
    ///
    /// - Parameter receive: gets the tokens that the pass added to each text, its first one included; may throw to stop
    ///   the work, after which the engine is of no more use.
    /// - Returns: the texts that ended, in the order in which they were submitted.
    package func pass(receive: (TextID, DecodedPass) throws -> Void) throws -> [FinishedText] {
        let start = clock()
        var finished = admit()
        let rows = takeRows()
        let ended = texts.filter { if case .none = $0.pass { $0.hasEnded } else { false } }
        finished += ended.map { FinishedText(id: $0.id, text: $0.text, features: nil) }
        texts.removeAll { text in ended.contains { $0 === text } }
        guard !rows.isEmpty else { return finished }

        let before = clock()
        let features = target.forward(rows.map(\.rows), states: states, on: pool)
        let chosen = choose(rows, features)
        let decided = clock()

        var first = 0
        let (count, isAlone) = (features.rowCount, rows.count == 1)
        let drafting = rows.reduce(0) { $0 + $1.text.draftSeconds }
        for (index, (text, rows)) in rows.enumerated() {
            let range = first..<first + rows.tokens.count
            first = range.upperBound
            guard !text.isCancelled else { continue }
            let commit = clock()
            try text.commit(chosen[index], features: range.count == count ? features : features.rows(range)) {
                try receive(text.id, $0)
            }
            if let beginnings, case .prompt = text.pass, text.unseenPrompt == 0 { text.share(with: beginnings) }
            let now = clock()
            // Where texts share a pass, each has its share of the time, by rows: so the seconds of all texts add up.
            let share = Double(range.count) / Double(count)
            account(text, verify: (decided - before) * share, commit: now - commit)
            text.text.seconds.total += text.draftSeconds + (now - start - drafting) * share
            if isAlone {
                switch text.pass {
                case .plain:
                    text.drafter?.timed(RoundTimes(rows: 1, verify: decided - before, total: now - start))
                case .draft(let draft, let extend):
                    text.drafter?.timed(
                        RoundTimes(draft, extend: extend, verify: decided - before, total: now - start))
                case .none, .prompt, .closing: break
                }
            }
        }
        for text in texts where text.hasEnded && !text.isWaiting && !text.wantsClosing {
            if let beginnings { text.share(with: beginnings) }
            learn(from: text)
            let kept = text.features().map {
                AuxiliaryLayers.rows(
                    $0, of: options.states, from: states, hidden: target.configuration.hiddenSize)
            }
            finished.append(FinishedText(id: text.id, text: text.text, features: kept))
        }
        texts.removeAll { text in finished.contains { $0.id == text.id } }
        return finished
    }

    /// Makes room for waiting texts. Returns those that ask for no token.
    private func admit() -> [FinishedText] {
        var finished: [FinishedText] = []
        while texts.count < options.maximumTexts, !waiting.isEmpty {
            let (id, request, stop) = waiting.removeFirst()
            guard stop.maximumTokens > 0 else {
                finished.append(FinishedText(id: id, text: DecodedText(), features: nil))
                continue
            }
            let positions = request.prompt.count + stop.maximumTokens
            var drafter = request.drafter.map { $0(positions) } ?? headDrafter(request, positions: positions)
            if let lookup {
                drafter = LookupDrafter(
                    request.prompt, planner: lookup, beside: drafter, isDrawn: !request.sampling.isGreedy
                ) { [unowned self] in texts.count }
            }
            let text = TextInProgress(
                id, request, stop: stop, drafter: drafter, keepsFeatures: options.keepsFeatures, target: target,
                pool: pool)
            // What trees tell of the head's probabilities is for trees that grow by them.
            if case .dynamic = shape?.planner?.kind { text.choice.weighsCandidates = true }
            texts.append(text)
        }
        return finished
    }

    private func headDrafter(_ request: Request, positions: Int) -> (any RoundDrafter)? {
        guard let head, let shape else { return nil }
        let round: HeadDrafter.Round?
        let treeRows: Int
        switch shape {
        // In company the plan follows the number of texts; what is drawn must not, so it keeps the first one.
        case .planned(let planner) where options.maximumTexts > 1 && request.sampling.isGreedy:
            return HeadDrafter(
                head: head, states: states, positions: positions, treeRows: TreePlanner.rowLimit, alignment: .newest,
                pool: pool,
                clock: clock
            ) { [unowned self] in HeadDrafter.Round(planner.plan(sharedBy: texts.count)) ?? .plain }
        case .fixed(let tree):
            let tree = request.sampling.isGreedy ? tree : tree.withoutGaps
            (round, treeRows) = (.draft(tree), tree.nodes.count + 1)
        case .planned(let planner):
            let plan = request.sampling.isGreedy ? planner.plan : planner.forDrawing.plan
            (round, treeRows) = (HeadDrafter.Round(plan), plan.rowLimit)
        }
        return round.map { round in
            HeadDrafter(
                head: head, states: states, positions: positions, treeRows: treeRows, alignment: .newest, pool: pool,
                clock: clock
            ) { round }
        }
    }

    /// Tells the planner how a greedy text in company went. A lone one's decoder does so itself.
    private func learn(from text: TextInProgress) {
        guard options.maximumTexts > 1, text.choice.rule.isGreedy else { return }
        shape?.planner?.learn(inCompany: text.text)
    }

    /// The rows of the next pass: what every text needs that is being continued, and as much of prompts as fits beside
    /// them, of the oldest first.
    private func takeRows() -> [(text: TextInProgress, rows: PassRows)] {
        var taken: [(text: TextInProgress, rows: PassRows)] = []
        HeadDrafter.draftTogether(texts.filter { $0.unseenPrompt == 0 }, on: pool, clock: clock)
        var used = 0
        let begun = texts.filter { $0.unseenPrompt == 0 }
        for text in begun.filter(\.isWaiting) + begun.filter({ !$0.isWaiting }) {
            guard let rows = text.rows(limit: 0, clock: clock) else { continue }
            guard used == 0 || used + rows.tokens.count <= options.passRows else {
                text.wait(with: rows)
                continue
            }
            used += rows.tokens.count
            taken.append((text, rows))
        }
        // A prompt must get on even where others take all rows.
        var left = max(options.passRows - used, min(options.passRows, 16))
        for text in texts where text.unseenPrompt > 0 {
            guard left > 0 else {
                text.pass = .none
                continue
            }
            if let beginnings { text.takeBeginning(from: beginnings) }
            guard let rows = text.rows(limit: left, clock: clock) else { continue }
            left -= rows.tokens.count
            taken.append((text, rows))
        }
        return taken
    }

    /// What each text chooses, from one product with the LM head over the rows of all greedy texts and one over those
    /// of all others.
    private func choose(
        _ rows: [(text: TextInProgress, rows: PassRows)], _ features: Tensor
    ) -> [TextInProgress.Chosen] {
        var (greedy, drawn): ([Int], [Int]) = ([], [])
        var places: [Int] = []
        var first = 0
        for (text, rows) in rows {
            let scored = text.scoredRows.map { first + $0 }
            if text.choice.rule.isGreedy {
                places.append(greedy.count)
                greedy += scored
            } else {
                places.append(drawn.count)
                drawn += scored
            }
            first += rows.tokens.count
        }
        func selected(_ rows: [Int]) -> Tensor {
            AuxiliaryLayers.features(
                of: rows.count == features.rowCount ? features : features.rows(rows),
                hidden: target.configuration.hiddenSize)
        }
        let best = greedy.isEmpty ? [] : target.greedyTokens(selected(greedy), on: pool)
        let logits = drawn.isEmpty ? nil : target.logits(selected(drawn), on: pool)
        let scores = rows.indices.map { index -> TokenChoice.Scores in
            let text = rows[index].text
            if let logits, !text.choice.rule.isGreedy { return .logits(logits, first: places[index]) }
            return .best(best[places[index]..<places[index] + text.scoredRows.count])
        }
        guard rows.count > 1, logits != nil else {
            return rows.indices.map { rows[$0].text.choose(scores[$0]) }
        }
        // Probabilities of whole vocabularies: one text a thread.
        return pool.map(rows.count) { rows[$0].text.choose(scores[$0]) }
    }

    private func account(_ text: TextInProgress, verify: Double, commit: Double) {
        switch text.pass {
        case .none: break
        case .prompt: text.text.seconds.prefill += verify
        case .plain, .closing: text.text.seconds.verify += verify
        case .draft:
            text.text.seconds.draft += text.draftSeconds
            text.text.seconds.verify += verify
            text.text.seconds.commit += commit
        }
    }
}

extension DecodingEngine {
    /// Decodes one text to its end.
    ///
    /// - Throws: as `submit` and `pass` do.
    func decode(_ request: Request, receive: (DecodedPass) throws -> Void) throws -> DecodedText {
        let id = try submit(request)
        while true {
            for finished in try pass(receive: { try receive($1) }) where finished.id == id { return finished.text }
        }
    }
}
