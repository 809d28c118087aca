import FalconTensor

/// Which positions of one sequence are shown the truth that they are asked for (section 3.2 of the paper; method
/// "coupled sequential glancing").
///
/// Picture, k = 3, r = 2: in block 2 the inputs of positions 6 and 7 become what those of 9 and 10 are.
///
///     position    0 1 2 | 3 4 5 |  6  7 8 | 9 10 11
///     input       0 1 2 | 3 4 5 | [9][10]8 | 9 10 11     f_i and t_{i+1} together, contiguous from the block's start
///
/// Position 8 then predicts f_11 from a block that knows the two features before it: what it will have to do when
/// the first two drafted tokens of a block are right. It is never shown f_11 itself; see the leak test.
package struct GlancePlan: Equatable, Sendable {
    /// The positions whose inputs are replaced, ascending.
    package let positions: [Int]

    package init(positions: [Int]) { self.positions = positions }

    /// Picks blocks at random until `number` positions are replaced, or no block is left.
    ///
    /// - Parameters:
    ///   - counting: for each position, whether it counts in the loss. Only blocks that count wholly are picked.
    ///   - blockSize: k, at least 2. Blocks start at multiples of k, as the relaxed causal mask's do.
    ///   - number: N. A last run that would go beyond it is cut.
    package init(counting: [Bool], blockSize k: Int, number: Int, random: inout RandomSource) {
        precondition(k >= 2, "glancing needs a block size of at least 2, not \(k)")
        var blocks = stride(from: 0, through: counting.count - k, by: k).filter { start in
            counting[start..<start + k].allSatisfy { $0 }
        }
        var positions: [Int] = []
        while positions.count < number, !blocks.isEmpty {
            // One step of a Fisher-Yates shuffle: the picked block leaves the list.
            blocks.swapAt(random.below(blocks.count), blocks.count - 1)
            let start = blocks.removeLast()
            let length = min(1 + random.below(max(1, k - 1)), number - positions.count)
            positions.append(contentsOf: start..<start + length)
        }
        self.positions = positions.sorted()
    }

    /// N of one sequence: `lambda * d`, rounded down, where d counts the wrong positions of the first pass.
    package static func number(lambda: Double, hammingDistance: Int) -> Int {
        max(0, Int(lambda * Double(hammingDistance)))
    }

    /// d(y, yhat): at how many of the given positions the first pass was wrong.
    package static func hammingDistance(predicted: [Int32], truth: [Int32]) -> Int {
        precondition(
            predicted.count == truth.count, "\(predicted.count) predictions for \(truth.count) labels")
        return zip(predicted, truth).count { $0 != $1 }
    }
}
