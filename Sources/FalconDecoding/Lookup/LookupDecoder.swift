import FalconModels
import FalconTensor

/// Decodes with drafts from the text itself, without a head: `PlainDecoder`'s tokens, greedy or drawn, in fewer passes
/// where a text repeats.
package struct LookupDecoder: TextDecoder {
    private let target: TargetModel
    package let planner: LookupPlanner
    private let sampling: SamplingRule
    private let pool: ThreadPool
    private let clock: SecondsClock

    package init(
        target: TargetModel, planner: LookupPlanner = LookupPlanner(), sampling: SamplingRule = .greedy,
        pool: ThreadPool, clock: @escaping SecondsClock = systemSeconds
    ) {
        (self.target, self.planner, self.sampling) = (target, planner, sampling)
        (self.pool, self.clock) = (pool, clock)
    }

    package func decode(
        _ prompt: [Int32], stop: StopRule, receive: (DecodedPass) throws -> Void
    ) throws -> DecodedText {
        let engine = DecodingEngine(
            target: target, lookup: planner, options: .init(maximumTexts: 1), pool: pool, clock: clock)
        return try engine.decode(.init(prompt: prompt, stop: stop, sampling: sampling), receive: receive)
    }

    /// Decodes the beginnings of texts, over and over, to learn what a pass of 1 to 32 rows costs on this machine.
    /// Nothing is done for chains, which are drafted whatever they cost.
    ///
    /// - Parameters:
    ///   - prompts: those that do not fit the context are left out.
    ///   - seconds: how long to go on; each number of rows is timed 24 times at most, and a few times in any case.
    ///   - check: may throw to stop the work.
    package func calibrate(
        _ prompts: [[Int32]], stop: StopRule, seconds: Double = 3, check: () throws -> Void = {}
    ) throws {
        guard planner.kind == .auto else { return }
        let start = clock()
        let counts = LookupPlanner.calibratedRows
        // Each number several times in a row, the first not timed: so caches hold what they will hold.
        let (row, repetitions) = (4, 8)
        var (count, isTimed) = (0, false)
        func isOver() -> Bool {
            count >= repetitions * row * counts.count || count >= 2 * row * counts.count && clock() - start > seconds
        }
        let short = StopRule(endTokens: stop.endTokens, maximumTokens: min(stop.maximumTokens, 96))
        for prompt in (0..<100).flatMap({ _ in prompts }) {
            guard !isOver() else { break }
            try check()
            var isFirst = true
            let engine = DecodingEngine(target: target, options: .init(maximumTexts: 1), pool: pool, clock: clock)
            var request = DecodingEngine.Request(prompt: prompt, stop: short, sampling: sampling)
            request.drafter = { [planner] _ in
                FillerDrafter(prompt, rowLimit: LookupPlanner.rowLimit) { round in
                    if isTimed { planner.calibrated(round) }
                } rows: {
                    guard !isOver() else { return nil }
                    (isTimed, isFirst) = (!isFirst && count % row > 0, false)
                    defer { count += 1 }
                    return counts[count / row % counts.count]
                }
            }
            _ = try? engine.decode(request) { _ in }
        }
        planner.endCalibration(seconds: clock() - start)
    }
}

/// Drafts so many tokens of the text, whatever they are: for timing.
private final class FillerDrafter: RoundDrafter {
    let treeRows: Int
    let wantsFeatures = false
    private var tokens: [Int32]
    private let observe: (RoundTimes) -> Void
    private let rows: () -> Int?

    /// - Parameter rows: of the next round; `nil` ends the text.
    init(
        _ prompt: [Int32], rowLimit: Int, observe: @escaping (RoundTimes) -> Void, rows: @escaping () -> Int?
    ) {
        (tokens, treeRows, self.observe, self.rows) = (prompt, rowLimit, observe, rows)
    }

    func next(_ choice: inout TokenChoice, room: Int) -> DraftedRound {
        guard let rows = rows() else { return .end }
        guard rows > 1 else { return .plain }
        // Branches of four, as trees have them.
        let nodes = (0..<rows - 1).map { number in
            LookupTree.Node(
                parent: number % 4 == 0 ? -1 : number - 1, token: tokens[(number * 7 + 3) % tokens.count],
                depth: number % 4 + 1, reach: 0)
        }
        return .draft(TokenChoice.Draft.none(blockSize: 1).adding(nodes), extend: 0)
    }

    func committed(_ features: Tensor, nextTokens: [Int32]) { tokens += nextTokens }

    func timed(_ round: RoundTimes) { observe(round) }
}
