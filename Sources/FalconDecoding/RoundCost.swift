import Foundation

/// What one round of decoding took.
struct RoundTimes {
    /// Rows of the target's pass: the newest token and the tree's nodes.
    let rows: Int
    /// The target's pass and the choice of the path.
    let verify: Double
    /// The draft head's first pass, new positions included; 0 in a round without one.
    let firstPass: Double
    /// Passes of the draft head.
    let draftPasses: Int
    /// The passes after it: how many blocks each continued, and its seconds.
    let laterPasses: [(blocks: Int, seconds: Double)]
    /// From the start of the round to its end.
    let total: Double
    /// The accepted tokens that were expected of it, where its tree grew while it was drafted.
    let expectedAccepted: Double

    /// A round without a draft.
    init(rows: Int, verify: Double, total: Double) {
        (self.rows, self.verify, self.total) = (rows, verify, total)
        (firstPass, draftPasses, laterPasses, expectedAccepted) = (0, 0, [], 0)
    }

    /// - Parameter extend: seconds in which the head took in what the round before committed.
    init(_ draft: TokenChoice.Draft, extend: Double, verify: Double, total: Double) {
        (rows, self.verify, self.total) = (draft.tokens.count + 1, verify, total)
        expectedAccepted = draft.expectedAccepted
        draftPasses = draft.tree.passCount
        firstPass = extend + (draft.passSeconds.first ?? 0)
        laterPasses = zip(draft.tree.expansions, draft.passSeconds.dropFirst()).map { ($0.count, $1) }
    }
}

/// What rounds of decoding cost on this machine, learnt from real ones: parts that are timed alone add up to less
/// than a round, because each pushes the others' weights out of the caches.
struct RoundCost {
    private var verify: [Int: [Double]] = [:]
    private var firstPass: [Double] = []
    private var laterPass: [Int: [Double]] = [:]
    private var rest: [Double] = []
    private var plainRest: [Double] = []

    mutating func record(_ round: RoundTimes) {
        // A draft that came to nothing is neither kind of round.
        guard round.rows > 1 || round.firstPass == 0 else { return }
        verify[round.rows, default: []].append(round.verify)
        let later = round.laterPasses.reduce(0) { $0 + $1.seconds }
        let rest = round.total - round.verify - round.firstPass - later
        if round.rows == 1 {
            plainRest.append(rest)
        } else {
            if round.draftPasses > 0 { firstPass.append(round.firstPass) }
            for pass in round.laterPasses { laterPass[pass.blocks, default: []].append(pass.seconds) }
            self.rest.append(rest)
        }
    }

    /// How many rounds without and with a draft were timed.
    var roundCount: (plain: Int, drafted: Int) { (plainRest.count, rest.count) }

    /// The times as curves.
    ///
    /// - Parameter rows: the most rows of a target pass.
    func curve(rows limit: Int) -> CostCurve {
        let known = RoundCost.rising(
            verify.sorted { $0.key < $1.key }.map { ($0.key, RoundCost.middle($0.value), $0.value.count) })
        var target = [Double](repeating: 0, count: limit + 1)
        for rows in 1...limit {
            let above = known.firstIndex { $0.rows >= rows } ?? known.count - 1
            guard above >= 0 else { break }
            let (high, low) = (known[above], known[max(0, above == 0 ? 0 : above - 1)])
            let slope = high.rows == low.rows ? 0 : (high.seconds - low.seconds) / Double(high.rows - low.rows)
            target[rows] = high.seconds + slope * Double(rows - high.rows)
        }
        let (pass, block) = RoundCost.line(laterPass.map { ($0.key, RoundCost.middle($0.value), $0.value.count) })
        return CostCurve(
            target: target, firstPass: RoundCost.middle(firstPass), laterPass: pass, block: block,
            rest: RoundCost.middle(rest), plainRest: RoundCost.middle(plainRest))
    }

    /// The nearest times that never fall: more rows do not cost less, and what was timed so was disturbed. Neighbours
    /// that fall are pooled, each counted as often as it was timed.
    private static func rising(
        _ points: [(rows: Int, seconds: Double, count: Int)]
    ) -> [(rows: Int, seconds: Double)] {
        var pools: [(rows: [Int], seconds: Double, count: Int)] = []
        for point in points {
            var pool = (rows: [point.rows], seconds: point.seconds, count: point.count)
            while let before = pools.last, before.seconds > pool.seconds {
                let count = before.count + pool.count
                let seconds =
                    (before.seconds * Double(before.count) + pool.seconds * Double(pool.count)) / Double(count)
                pool = (before.rows + pool.rows, seconds, count)
                pools.removeLast()
            }
            pools.append(pool)
        }
        return pools.flatMap { pool in pool.rows.map { ($0, pool.seconds) } }
    }

    /// The mean of the middle half: as steady as the median, but of more than one value.
    static func middle(_ values: [Double]) -> Double {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        let half = sorted[sorted.count / 4..<max(sorted.count / 4 + 1, sorted.count - sorted.count / 4)]
        return half.reduce(0, +) / Double(half.count)
    }

    /// Seconds for a pass and for each of its blocks: least squares through what was timed, neither of them negative.
    private static func line(_ points: [(blocks: Int, seconds: Double, count: Int)]) -> (pass: Double, block: Double) {
        let weight = points.reduce(0.0) { $0 + Double($1.count) }
        guard weight > 0 else { return (0, 0) }
        let meanX = points.reduce(0.0) { $0 + Double($1.blocks * $1.count) } / weight
        let meanY = points.reduce(0.0) { $0 + $1.seconds * Double($1.count) } / weight
        let spread = points.reduce(0.0) { $0 + pow(Double($1.blocks) - meanX, 2) * Double($1.count) }
        guard spread > 0 else { return (meanY / 2, meanY / 2 / max(1, meanX)) }
        let together = points.reduce(0.0) {
            $0 + (Double($1.blocks) - meanX) * ($1.seconds - meanY) * Double($1.count)
        }
        let slope = min(max(0, together / spread), meanY / max(1, meanX))
        return (meanY - slope * meanX, slope)
    }
}
