/// How often a draft head is right, by the offset in its block, and what accept length that promises.
///
/// Offset o of a block is the (o + 1)-th token that the block's pass drafts. A token is accepted only when all before
/// it are, so a block's offsets count together: `prefix` is the share of blocks that are right from the start on.
struct BlockAccuracy {
    let blockSize: Int
    /// Ranks looked at: right among the first 1, 2, 3.
    static let depth = 3
    private var positions: [Double]
    /// `[rank][offset]`
    private var correct: [[Double]]
    private var blocks: [Double]
    private var prefixes: [Double]

    init(blockSize: Int) {
        self.blockSize = blockSize
        positions = [Double](repeating: 0, count: blockSize)
        correct = [[Double]](repeating: positions, count: BlockAccuracy.depth)
        blocks = positions
        prefixes = positions
    }

    /// Adds the positions of some sequences.
    ///
    /// - Parameters:
    ///   - rows: positions as rows of `[batch * time]`, ascending.
    ///   - ranks: for each, how many tokens the head finds more likely than the target's choice.
    ///   - time: positions of a sequence of the batch.
    mutating func add(rows: [Int], ranks: [Int], time: Int) {
        precondition(rows.count == ranks.count, "\(ranks.count) ranks for \(rows.count) rows")
        // The row that would go on with the block that is followed, from its start and without a gap.
        var (expected, isRight) = (-1, false)
        for (row, rank) in zip(rows, ranks) {
            let offset = row % time % blockSize
            positions[offset] += 1
            for depth in rank..<max(rank, BlockAccuracy.depth) { correct[depth][offset] += 1 }
            guard offset == 0 || row == expected else {
                expected = -1
                continue
            }
            isRight = (offset == 0 || isRight) && rank == 0
            blocks[offset] += 1
            if isRight { prefixes[offset] += 1 }
            expected = row + 1
        }
    }

    /// Adds the accuracies to a step's metrics: `accuracy_top1` to `accuracy_top3`, one value for each block offset.
    func add(to metrics: inout MetricMeans) {
        for depth in 0..<BlockAccuracy.depth {
            metrics.add("accuracy_top\(depth + 1)", sums: correct[depth], weights: positions)
        }
    }

    /// The share of blocks whose first o + 1 tokens are all right.
    var prefixShares: [Double] { zip(prefixes, blocks).map { $1 > 0 ? $0 / $1 : 0 } }

    /// Draft tokens that a chain of `depths` tokens would have accepted in the mean, if every pass were as good as one
    /// that is fed true features: an upper estimate, to compare checkpoints by.
    func acceptLength(depths: Int) -> Double {
        let shares = prefixShares
        var (length, reached) = (0.0, 1.0)
        for depth in 0..<depths {
            let offset = depth % blockSize
            length += reached * shares[offset]
            if offset == blockSize - 1 { reached *= shares[offset] }
        }
        return length
    }
}
