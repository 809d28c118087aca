/// How likely each rank is right at each depth, from what was counted and, where little was, from what is known
/// around it.
///
/// The chance that rank r is right where the ranks before it were wrong is `(right + w * prior) / (tries + w)`. The
/// prior of the first block is a middling head's; that of a later block is the estimate one block above, taken down a
/// little, and that behind a detour is the estimate of the straight path at the same depth, taken down as well.
struct RankEstimate {
    /// `[depth - 1][0 straight, 1 behind a detour][rank]`, flat: the share of texts whose token has that rank.
    private let shares: [Double]
    let depth: Int

    private static let priorTries = 6.0
    private static let limit = RankStatistics.rankLimit

    /// - Parameter depth: how deep to go.
    init(_ statistics: RankStatistics, blockSize: Int, depth: Int) {
        let limit = RankEstimate.limit
        var chances = [Double](repeating: 0, count: depth * 2 * limit)
        var shares = chances
        for level in 0..<depth {
            for kind in 0..<2 {
                let first = (level * 2 + kind) * limit
                var (left, last) = (1.0, 1.0)
                for rank in 0..<limit {
                    let prior: Double
                    if kind == 1 {
                        prior = 0.85 * chances[first - limit + rank]
                    } else if level >= blockSize {
                        prior = 0.85 * chances[first - 2 * blockSize * limit + rank]
                    } else {
                        prior = RankEstimate.middling(rank)
                    }
                    let tries = statistics.tries(depth: level + 1, rank: rank, isStraight: kind == 0)
                    let weight = RankEstimate.priorTries
                    let chance = (Double(tries.right) + weight * prior) / (Double(tries.count) + weight)
                    chances[first + rank] = chance
                    // Trees are grown from the best rank on: a share never exceeds the one before it.
                    last = min(last, left * chance)
                    shares[first + rank] = last
                    left *= 1 - chance
                }
            }
        }
        self.shares = shares
        self.depth = depth
    }

    /// The share of rank `rank` at a depth from 1; 0 below what was asked for.
    func share(depth: Int, rank: Int, isStraight: Bool) -> Double {
        guard depth <= self.depth, rank < RankEstimate.limit else { return 0 }
        return shares[((depth - 1) * 2 + (isStraight ? 0 : 1)) * RankEstimate.limit + rank]
    }

    private static func middling(_ rank: Int) -> Double {
        var before = 0.0
        for earlier in 0..<rank {
            before += TokenTree.middlingAcceptance(pass: 0, offset: 0, rank: earlier)
        }
        return TokenTree.middlingAcceptance(pass: 0, offset: 0, rank: rank) / max(1e-9, 1 - before)
    }
}
