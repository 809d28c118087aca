/// How often a candidate is right by the probability that the draft head gives to its rank: heads are surer or less
/// sure than they should be, and what a target takes greedily is likelier than its own probability says.
///
/// Candidates are told apart by the draft pass (the first or a later one, which builds on predicted features), by the
/// rank (the best or another) and by the probability in ten bins: even ones for the best, halving ones for others.
package struct Confidence: Equatable, Sendable {
    private struct Tries: Equatable {
        var count = 0
        var right = 0
        /// How many would have been right by the head's own probabilities.
        var expected = 0.0
    }

    private static let binCount = 10
    private static let priorTries = 8.0
    /// Ranks looked at in each row.
    private static let rankLimit = 8
    private var tries = [Tries](repeating: Tries(), count: 4 * binCount)

    package init() {}

    /// Counts the tokens of one round, from depth 1 down, as far as their rows' probabilities are known.
    mutating func record(_ looks: some Sequence<RankStatistics.Look>) {
        for look in looks {
            for (rank, probability) in look.probabilities.prefix(min(look.candidates, Confidence.rankLimit))
                .enumerated()
            {
                let place = Confidence.place(probability, rank: rank, isFirstPass: look.isFirstPass)
                tries[place].count += 1
                tries[place].expected += probability
                if rank == look.rank { tries[place].right += 1 }
            }
        }
    }

    /// Adds what was counted elsewhere.
    mutating func add(_ other: Confidence) {
        for (place, more) in other.tries.enumerated() {
            tries[place].count += more.count
            tries[place].right += more.right
            tries[place].expected += more.expected
        }
    }

    /// The chance that a candidate is right. Where little was counted it is the head's own probability, times what
    /// candidates of its pass and kind of rank are right more often than their probabilities say.
    func share(_ probability: Double, rank: Int, isFirstPass: Bool) -> Double {
        let place = Confidence.place(probability, rank: rank, isFirstPass: isFirstPass)
        let first = place / Confidence.binCount * Confidence.binCount
        let (weight, all) = (Confidence.priorTries, tries[first..<first + Confidence.binCount])
        let ratio =
            (all.reduce(weight) { $0 + Double($1.right) }) / (all.reduce(weight) { $0 + $1.expected })
        return (Double(tries[place].right) + weight * min(1, probability * ratio))
            / (Double(tries[place].count) + weight)
    }

    private static func place(_ probability: Double, rank: Int, isFirstPass: Bool) -> Int {
        var bin: Int
        if rank == 0 {
            bin = Int(probability * Double(binCount))
        } else {
            // 0 from a half up, 1 from a quarter up, and so on.
            bin = 0
            var edge = 0.5
            while bin < binCount - 1, probability < edge { (bin, edge) = (bin + 1, edge / 2) }
        }
        bin = min(max(0, bin), binCount - 1)
        return ((isFirstPass ? 0 : 2) + (rank == 0 ? 0 : 1)) * binCount + bin
    }
}
