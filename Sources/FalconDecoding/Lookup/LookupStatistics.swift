/// How often candidates of a text's own n-grams are right, by the length of the match, the rank among the candidates,
/// and whether earlier places agree.
///
/// It is learnt from every token of a text, whether or not anything was drafted for it: what the index would have
/// proposed is known, and what came as well. So there is nothing to try out where drafting does not pay.
struct LookupStatistics: Equatable {
    /// The chance of each kind of candidate, as far as it is known from elsewhere.
    struct Prior: Equatable {
        fileprivate var shares: [Double]

        /// A little below what answers of SmolLM2-135M-Instruct that do not loop gave.
        static let measured = Prior(shares: LookupStatistics.measuredShares)
    }

    private struct Tries: Equatable {
        var count = 0.0
        var right = 0.0
    }

    /// A prior counts as so many tries.
    private static let priorTries = 12.0
    /// Beyond so many tries older ones fade.
    private let memory: Double
    private var tries = [Tries](repeating: Tries(), count: kindCount)

    /// - Parameter memory: short for a text, so that one that begins to copy is noticed.
    init(memory: Double = 96) { self.memory = memory }

    /// How sure a candidate is.
    func share(_ candidate: NGramIndex.Candidate, prior: Prior) -> Double {
        let kind = LookupStatistics.kind(candidate)
        let weight = LookupStatistics.priorTries
        return (tries[kind].right + weight * prior.shares[kind]) / (tries[kind].count + weight)
    }

    /// Looks which of the candidates for a place was right.
    mutating func record(_ candidates: [NGramIndex.Candidate], next token: Int32) {
        for candidate in candidates {
            let kind = LookupStatistics.kind(candidate)
            if tries[kind].count >= memory {
                tries[kind].count /= 2
                tries[kind].right /= 2
            }
            tries[kind].count += 1
            if candidate.token == token { tries[kind].right += 1 }
        }
    }

    /// What texts like this one should be expected to be.
    ///
    /// - Parameter prior: what was expected before.
    func learnt(_ prior: Prior) -> Prior {
        let weight = 60.0
        return Prior(
            shares: zip(tries, prior.shares).map { ($0.right + weight * $1) / ($0.count + weight) })
    }

    // MARK: Kinds of candidates

    /// The shortest match of each class of lengths.
    private static let lengths = [1, 2, 3, 4, 5, 7, 10, 16]
    private static let columns = NGramIndex.Agreement.allCases.count + 2
    private static let kindCount = lengths.count * columns

    private static func kind(_ candidate: NGramIndex.Candidate) -> Int {
        let row = (lengths.lastIndex { $0 <= candidate.length } ?? 0) * columns
        switch candidate.rank {
        case 0: return row + candidate.agreement.rawValue
        case 1: return row + columns - 2
        default: return row + columns - 1
        }
    }

    /// By length: the best candidate seen once, repeated, disputed, then the second and others.
    private static let measuredShares: [Double] = [
        0.25, 0.50, 0.14, 0.07, 0.03,
        0.50, 0.75, 0.40, 0.10, 0.04,
        0.60, 0.80, 0.40, 0.11, 0.05,
        0.65, 0.82, 0.45, 0.11, 0.04,
        0.72, 0.86, 0.43, 0.10, 0.03,
        0.78, 0.90, 0.48, 0.12, 0.05,
        0.84, 0.93, 0.55, 0.10, 0.03,
        0.92, 0.97, 0.62, 0.15, 0.03,
    ]
}
