import FalconTensor

/// Which blocks of a sequence read the head's own features in place of the target's (HASS and EAGLE-3 unroll whole
/// passes; this is the cheap form of it).
///
/// Where a draft is deeper than one block, the second pass of the head reads features that the first one predicted.
/// Training with true features alone never shows it any. So some blocks get `f_i <- g_{i-k}`, what a pass without
/// gradient predicts for them; their tokens stay, and their rows count as ever:
///
///     position        0 1 | 2 3 |  4  5 | 6 7        k = 2, block 2 is fed by itself
///     feature         f f | f f |  g2 g3| f f        g_2 and g_3 were asked for f_4 and f_5
///
/// A block behind such a block is left alone: its prediction is one of true features.
package struct SelfFedBlocks: Equatable, Sendable {
    /// The first positions of the blocks, ascending.
    package let starts: [Int]

    package init(starts: [Int]) { self.starts = starts }

    /// - Parameters:
    ///   - counting: for each position, whether it counts in the loss. Only blocks that count, behind others that do,
    ///     are fed so.
    ///   - blockSize: k.
    ///   - share: of the blocks that could be fed so; of those behind such a block none is.
    package init(counting: [Bool], blockSize k: Int, share: Double, random: inout RandomSource) {
        var starts: [Int] = []
        for start in stride(from: k, through: counting.count - k, by: k)
        where counting[start - k..<start + k].allSatisfy({ $0 }) {
            // Drawn in any case, so that a block's luck does not depend on the ones before.
            let isDrawn = Double(random.uniform()) < share
            if isDrawn, starts.last != start - k { starts.append(start) }
        }
        self.starts = starts
    }
}

extension TrainingBatch {
    /// Feeds blocks what the head predicted for them: `f_i <- g_{i-k}`. The tokens stay; states of lower layers are 0
    /// there, as in drafting, where nobody predicts any.
    ///
    /// - Parameters:
    ///   - blocks: of each sequence.
    ///   - predicted: g, `[batch, time, hidden]`.
    package func selfFeeding(_ blocks: [SelfFedBlocks], predicted: Tensor) -> TrainingBatch {
        precondition(blocks.count == lengths.count && predicted.shape == features.shape, "plans of another batch")
        guard blocks.contains(where: { !$0.starts.isEmpty }) else { return self }
        var result = self
        let hidden = features.width
        var values = features.scalars
        let own = predicted.scalars
        for (row, blocks) in blocks.enumerated() {
            for start in blocks.starts {
                let to = (row * time + start) * hidden
                let from = to - blockSize * hidden
                values.replaceSubrange(to..<to + blockSize * hidden, with: own[from..<from + blockSize * hidden])
            }
        }
        result.features = Tensor(values, features.shape)
        if let states {
            var values = states.scalars
            for (row, blocks) in blocks.enumerated() {
                for start in blocks.starts {
                    let first = (row * time + start) * states.width
                    let stretch = first..<first + blockSize * states.width
                    values.replaceSubrange(stretch, with: repeatElement(0, count: stretch.count))
                }
            }
            result.states = Tensor(values, states.shape)
        }
        return result
    }
}
