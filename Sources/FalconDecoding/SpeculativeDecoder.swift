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
    package let shape: DraftShape
    /// Adds nodes from the text's own n-grams.
    package let lookup: LookupPlanner?
    private let sampling: SamplingRule
    private let alignment: DraftSession.Alignment
    private let pool: ThreadPool
    private let clock: SecondsClock

    /// - Parameters:
    ///   - shape: for the head's block size.
    ///   - addsLookup: whether n-grams of the text add what the head's trees lack.
    package init(
        target: TargetModel, head: DraftHead, shape: DraftShape, addsLookup: Bool = false,
        sampling: SamplingRule = .greedy,
        alignment: DraftSession.Alignment = .newest, pool: ThreadPool, clock: @escaping SecondsClock = systemSeconds
    ) {
        precondition(
            shape.blockSize == head.blockSize,
            "a tree for block size \(shape.blockSize) with a draft head of \(head.blockSize)")
        (self.target, self.head, self.sampling, self.alignment) = (target, head, sampling, alignment)
        (self.shape, self.pool, self.clock) = (shape, pool, clock)
        lookup = addsLookup ? LookupPlanner(head: shape.planner) : nil
    }

    /// The tree of every round, where it never changes; for sampling without gaps between ranks.
    package var tree: TokenTree? { sampling.isGreedy ? shape.tree : shape.tree?.withoutGaps }

    /// Drafts the same tree in every round.
    package init(
        target: TargetModel, head: DraftHead, tree: TokenTree, sampling: SamplingRule = .greedy,
        alignment: DraftSession.Alignment = .newest, pool: ThreadPool, clock: @escaping SecondsClock = systemSeconds
    ) {
        self.init(
            target: target, head: head, shape: .fixed(tree), sampling: sampling, alignment: alignment, pool: pool,
            clock: clock)
    }

    package func decode(
        _ prompt: [Int32], stop: StopRule, receive: (DecodedPass) throws -> Void
    ) throws -> DecodedText {
        switch shape {
        case .fixed(let tree):
            let tree = sampling.isGreedy ? tree : tree.withoutGaps
            return try decode(prompt, stop: stop, treeRows: tree.nodes.count + 1, lookup: lookup, receive: receive) {
                .draft(tree)
            }
        case .planned(let planner):
            let plan = planner.plan
            var rounds: [RoundTimes] = []
            var text: DecodedText
            if let round = Round(plan) {
                text = try decode(
                    prompt, stop: stop, treeRows: plan.rowLimit, lookup: lookup, receive: receive,
                    observe: { rounds.append($0) }
                ) {
                    round
                }
            } else if let lookup {
                text = try decode(
                    prompt, stop: stop, lookup: lookup, receive: receive,
                    drafter: { _ in PlainRounds { rounds.append($0) } })
            } else {
                text = try PlainDecoder(target: target, sampling: sampling, pool: pool, clock: clock)
                    .decode(prompt, stop: stop, receive: receive)
            }
            let decoded = clock()
            planner.learn(from: text, rounds: rounds)
            text.seconds.total += clock() - decoded
            return text
        }
    }

    /// Decodes with a tree that grows in each round, without a planner.
    func decode(_ prompt: [Int32], stop: StopRule, growing tree: DynamicTree) throws -> DecodedText {
        try decode(prompt, stop: stop, treeRows: 1 + tree.nodeLimit, receive: { _ in }) { .grow(tree) }
    }

    /// Decodes the beginnings of texts, over and over, so that the planner learns what rounds cost on this machine and
    /// how good the head is. Nothing is done for a fixed tree.
    ///
    /// - Parameters:
    ///   - prompts: those that do not fit the context are left out.
    ///   - check: may throw to stop the work.
    ///   - seconds: how long to go on, and half as long again with whole texts; each number of rows is timed 30 times
    ///     at most, and a few times in any case.
    package func calibrate(
        _ prompts: [[Int32]], stop: StopRule, seconds: Double = 3, check: () throws -> Void = {}
    ) throws {
        guard case .planned(let planner) = shape else { return }
        let trees = TreePlanner.calibrationRows.map { TreePlanner.calibrationTree(rows: $0, blockSize: head.blockSize) }
        let start = clock()
        // A tree is drafted several times in a row and its first round is not timed, since it finds in the caches what
        // the tree before left there: as it will be when texts are decoded.
        let (row, repetitions) = (4, 10)
        var (count, isFirst, isTimed) = (0, true, false)
        func isOver() -> Bool {
            count >= repetitions * row * trees.count || count >= 4 * row && clock() - start > seconds
        }
        let short = StopRule(endTokens: stop.endTokens, maximumTokens: min(stop.maximumTokens, 96))
        // Prompts come round again; each text goes on in the list of trees where the one before it ended.
        for prompt in (0..<100).flatMap({ _ in prompts }) {
            guard !isOver() else { break }
            try check()
            isFirst = true
            let text = try? decode(
                prompt, stop: short, treeRows: TreePlanner.rowLimit, receive: { _ in },
                observe: { round in if isTimed { planner.record(round) } }
            ) {
                guard !isOver() else { return .end }
                (isTimed, isFirst) = (!isFirst && count % row > 0, false)
                defer { count += 1 }
                return trees[count / row % trees.count].map { .draft($0) } ?? .plain
            }
            if let text { planner.record(text) }
        }
        planner.endCalibration(seconds: clock() - start)
        try compare(prompts, stop: short, planner, seconds: seconds / 2, check: check)
    }

    /// Decodes the same texts by the plan and without, alternately, as texts will be decoded: rounds in short turns, as
    /// above, leave other things in the caches.
    private func compare(
        _ prompts: [[Int32]], stop: StopRule, _ planner: TreePlanner, seconds: Double, check: () throws -> Void
    ) throws {
        guard planner.plan.plainTokensPerSecond > 0 else { return }
        let (start, most) = (clock(), 24)
        let plain = PlainDecoder(target: target, sampling: sampling, pool: pool, clock: clock)
        // On a slow target short texts must do.
        let tokens = Int(min(96, max(12, seconds / 8 * planner.plan.plainTokensPerSecond)))
        let stop = StopRule(endTokens: stop.endTokens, maximumTokens: min(stop.maximumTokens, tokens))
        for prompt in (0..<most).flatMap({ _ in prompts }).prefix(most) {
            guard planner.trialCount < 2 || clock() - start < seconds else { break }
            try check()
            if let text = try? plain.decode(prompt, stop: stop) { planner.compared(text, rounds: []) }
            guard let plan = planner.candidate, let round = Round(plan) else { continue }
            var rounds: [RoundTimes] = []
            let text = try? decode(
                prompt, stop: stop, treeRows: plan.rowLimit, receive: { _ in }, observe: { rounds.append($0) }
            ) { round }
            if let text { planner.compared(text, rounds: rounds) }
        }
        planner.endTrials(seconds: clock() - start)
    }

    private typealias Round = HeadDrafter.Round

    /// - Parameters:
    ///   - treeRows: the most rows of a target's pass, n-grams apart.
    ///   - observe: gets the times of each round.
    ///   - next: asked before each round.
    private func decode(
        _ prompt: [Int32], stop: StopRule, treeRows: Int, lookup: LookupPlanner? = nil,
        receive: (DecodedPass) throws -> Void, observe: @escaping (RoundTimes) -> Void = { _ in },
        next: @escaping () -> Round
    ) throws -> DecodedText {
        try decode(prompt, stop: stop, lookup: lookup, receive: receive) { [head, alignment, pool, clock] positions in
            HeadDrafter(
                head: head, states: head.configuration.auxiliaryLayers, positions: positions, treeRows: treeRows,
                alignment: alignment, pool: pool, clock: clock,
                observe: observe, round: next)
        }
    }

    private func decode(
        _ prompt: [Int32], stop: StopRule, lookup: LookupPlanner?, receive: (DecodedPass) throws -> Void,
        drafter: @escaping (_ positions: Int) -> any RoundDrafter
    ) throws -> DecodedText {
        var options = DecodingEngine.Options(maximumTexts: 1)
        options.states = head.configuration.auxiliaryLayers
        let engine = DecodingEngine(
            target: target, shape: shape, lookup: lookup, options: options, pool: pool, clock: clock)
        var request = DecodingEngine.Request(prompt: prompt, stop: stop, sampling: sampling)
        request.drafter = drafter
        return try engine.decode(request, receive: receive)
    }
}

/// Drafts nothing, for a text whose rounds are to be told.
private final class PlainRounds: RoundDrafter {
    let treeRows = 1
    let wantsFeatures = false
    private let observe: (RoundTimes) -> Void

    init(_ observe: @escaping (RoundTimes) -> Void) { self.observe = observe }

    func next(_ choice: inout TokenChoice, room: Int) -> DraftedRound { .plain }
    func committed(_ features: Tensor, nextTokens: [Int32]) {}
    func timed(_ round: RoundTimes) { observe(round) }
}
