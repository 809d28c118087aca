/// Where in the draft head's ranking the target's own next token stood, by depth, counted over the rounds in which
/// everything above that depth was right: what the choice of a tree needs to know about a head.
///
/// A depth is a draft pass and an offset of its block: depth d is read from pass `(d - 1) / k`, offset `(d - 1) % k`.
/// Ranks behind a detour (some rank above was not 0) are kept apart from those on the straight path of best
/// candidates: a text that surprised the head once is likelier to do so again.
///
/// Counting is by tries: a token of rank r tells that the candidates of ranks 0 to r-1 were wrong and that r was
/// right. So a look at the whole ranking (greedy decoding, replay) and a look at a few drawn children (sampling) can
/// be added up without bias.
package struct RankStatistics: Equatable, Sendable {
    /// The tries of one rank at one depth.
    package struct Tries: Equatable, Sendable {
        package fileprivate(set) var count = 0
        package fileprivate(set) var right = 0
    }

    /// One token of the text, looked for among the candidates of the row that predicts it.
    package struct Look: Equatable, Sendable {
        /// Its place among them; `nil` where it is not there.
        package let rank: Int?
        /// How many were looked at.
        package let candidates: Int
        /// What the head thought of them, where that was asked for.
        let probabilities: [Double]
        /// Whether the first draft pass predicted it.
        let isFirstPass: Bool

        package init(rank: Int?, among candidates: Int = RankStatistics.rankLimit) {
            self.init(rank: rank, among: candidates, probabilities: [], isFirstPass: true)
        }

        init(rank: Int?, among candidates: Int, probabilities: [Double], isFirstPass: Bool) {
            (self.probabilities, self.isFirstPass) = (probabilities, isFirstPass)
            self.candidates = min(candidates, RankStatistics.rankLimit)
            self.rank = rank.flatMap { $0 < min(candidates, RankStatistics.rankLimit) ? $0 : nil }
        }
    }

    /// Ranks are told apart below this; a token behind them counts as not found.
    package static let rankLimit = TokenTree.rankLimit

    /// `[depth - 1][0 straight, 1 behind a detour][rank]`, flat.
    private var tries: [Tries] = []

    package init() {}

    /// The deepest depth of which anything is known.
    package var depth: Int { tries.count / (2 * RankStatistics.rankLimit) }

    /// Counts the tokens of one round, from depth 1 down. Nothing is counted below a token that was not found.
    package mutating func record(_ looks: some Sequence<Look>) {
        var isStraight = true
        for (index, look) in looks.enumerated() {
            makeRoom(depth: index + 1)
            let first = place(depth: index + 1, rank: 0, isStraight: isStraight)
            for rank in 0..<(look.rank.map { $0 + 1 } ?? look.candidates) { tries[first + rank].count += 1 }
            guard let rank = look.rank else { return }
            tries[first + rank].right += 1
            isStraight = isStraight && rank == 0
        }
    }

    /// Adds what was counted elsewhere.
    package mutating func add(_ other: RankStatistics) {
        makeRoom(depth: other.depth)
        for (place, more) in other.tries.enumerated() {
            tries[place].count += more.count
            tries[place].right += more.right
        }
    }

    /// The tries of a rank at a depth, on the straight path or behind detours.
    package func tries(depth: Int, rank: Int, isStraight: Bool) -> Tries {
        guard depth <= self.depth, rank < RankStatistics.rankLimit else { return Tries() }
        return tries[place(depth: depth, rank: rank, isStraight: isStraight)]
    }

    /// How many tokens were looked for at a depth.
    package func tokens(depth: Int) -> Int {
        tries(depth: depth, rank: 0, isStraight: true).count + tries(depth: depth, rank: 0, isStraight: false).count
    }

    /// How many of those had each rank; the rest were not found.
    package func histogram(depth: Int) -> [Int] {
        (0..<RankStatistics.rankLimit).map { rank in
            tries(depth: depth, rank: rank, isStraight: true).right
                + tries(depth: depth, rank: rank, isStraight: false).right
        }
    }

    private mutating func makeRoom(depth: Int) {
        let more = (depth - self.depth) * 2 * RankStatistics.rankLimit
        if more > 0 { tries += [Tries](repeating: Tries(), count: more) }
    }

    private func place(depth: Int, rank: Int, isStraight: Bool) -> Int {
        ((depth - 1) * 2 + (isStraight ? 0 : 1)) * RankStatistics.rankLimit + rank
    }
}
