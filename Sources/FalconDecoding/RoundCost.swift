import Foundation

/// What one round of decoding took.
struct RoundTimes {
    /// Rows of the target's pass: the newest token and the tree's nodes.
    let rows: Int
    /// The target's pass and the choice of the path.
    let verify: Double
    /// The draft head's first pass, new positions included; 0 in a round without a draft.
    let firstPass: Double
    /// The passes after it: how many blocks each continued, and its seconds.
    let laterPasses: [(blocks: Int, seconds: Double)]
    /// From the start of the round to its end.
    let total: Double
    /// The accepted tokens that were expected of it, where its tree grew while it was drafted.
    let expectedAccepted: Double

    /// A round without a draft.
    init(rows: Int, verify: Double, total: Double) {
        (self.rows, self.verify, self.total) = (rows, verify, total)
        (firstPass, laterPasses, expectedAccepted) = (0, [], 0)
    }

    /// - Parameter extend: seconds in which the head took in what the round before committed.
    init(_ draft: TokenChoice.Draft, extend: Double, verify: Double, total: Double) {
        (rows, self.verify, self.total) = (draft.tree.nodes.count + 1, verify, total)
        expectedAccepted = draft.expectedAccepted
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
            firstPass.append(round.firstPass)
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
        let known = verify.map { (rows: $0.key, seconds: RoundCost.middle($0.value)) }.sorted { $0.rows < $1.rows }
        var target = [Double](repeating: 0, count: limit + 1)
        for rows in 1...limit {
            let above = known.firstIndex { $0.rows >= rows } ?? known.count - 1
            guard above >= 0 else { break }
            let (high, low) = (known[above], known[max(0, above == 0 ? 0 : above - 1)])
            let slope = high.rows == low.rows ? 0 : (high.seconds - low.seconds) / Double(high.rows - low.rows)
            // More rows never cost less; what was timed so was disturbed.
            target[rows] = max(target[rows - 1], high.seconds + max(0, slope) * Double(rows - high.rows))
        }
        let (pass, block) = RoundCost.line(laterPass.map { ($0.key, RoundCost.middle($0.value), $0.value.count) })
        return CostCurve(
            target: target, firstPass: RoundCost.middle(firstPass), laterPass: pass, block: block,
            rest: RoundCost.middle(rest), plainRest: RoundCost.middle(plainRest))
    }

    /// The mean of the middle half: as steady as the median, but of more than one value.
    private static func middle(_ values: [Double]) -> Double {
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

/// Seconds of a round by the shape of its tree.
struct CostCurve {
    /// `[rows]`: a pass of the target; never falls.
    let target: [Double]
    /// The draft head's first pass.
    let firstPass: Double
    /// A draft pass after the first, but for its blocks.
    let laterPass: Double
    /// A block of such a pass.
    let block: Double
    /// What else a round with a draft takes: commit, text, bookkeeping.
    let rest: Double
    /// The same for a round without.
    let plainRest: Double
    /// How much longer whole texts took than their rounds by the above, without a draft.
    var plainFactor = 1.0
    /// The same with one.
    var draftFactor = 1.0

    /// The most nodes of a tree that it knows.
    var nodeLimit: Int { target.count - 2 }

    /// The same where the target's rows are free: for trees whose size is given.
    var withFreeRows: CostCurve {
        CostCurve(
            target: [Double](repeating: target[target.count - 1], count: target.count), firstPass: firstPass,
            laterPass: laterPass, block: block, rest: rest, plainRest: plainRest, plainFactor: plainFactor,
            draftFactor: draftFactor)
    }

    /// One token by plain decoding.
    var plainRound: Double { (target[1] + plainRest) * plainFactor }

    /// A round that drafts a tree.
    ///
    /// - Parameter blocks: of all draft passes after the first.
    func round(nodes: Int, passes: Int, blocks: Int) -> Double {
        let later = Double(max(0, passes - 1)) * laterPass + Double(blocks) * block
        return (target[min(nodes + 1, target.count - 1)] + firstPass + rest + later) * draftFactor
    }

    func round(_ times: RoundTimes) -> Double {
        guard times.rows > 1 else { return plainRound }
        return round(
            nodes: times.rows - 1, passes: 1 + times.laterPasses.count,
            blocks: times.laterPasses.reduce(0) { $0 + $1.blocks })
    }

    /// A round with this tree; a plain one for a tree without nodes.
    func round(_ tree: TokenTree) -> Double {
        guard !tree.nodes.isEmpty else { return plainRound }
        return round(
            nodes: tree.nodes.count, passes: tree.passCount, blocks: tree.expansions.reduce(0) { $0 + $1.count })
    }
}
