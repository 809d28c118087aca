import FalconDraft
import FalconWeights

/// What a training step must compute at least, to compare a measured one with.
struct TrainingWork {
    /// Multiply-adds for each token. The target's logits are counted once: glancing and the loss can share them.
    let multiplications: Double
    /// Recurrent weights read for each position of a sequence, however many sequences a batch has: position by
    /// position, in each pass. 0 where the fusion has no recurrence.
    let recurrentReads: Double
    /// Recurrent weights of one layer.
    let recurrentWeights: Double
    /// Multiply-adds for each token of the backward pass alone, in its order: the vocabulary, the decoder layers, and
    /// the fusion's layers, the last one first.
    let backward: (vocabulary: Double, decoder: Double, fusion: [Double])

    /// - Parameters:
    ///   - length: tokens of a sequence.
    ///   - glance: whether a step has glancing's first pass.
    init(_ model: ModelConfiguration, fusion: FusionKind, length: Int, glance: Bool) {
        let (hidden, width) = (Double(model.hiddenSize), Double(model.headCount * model.headSize))
        let keyValueWidth = Double(model.keyValueHeadCount * model.headSize)
        let square = hidden * hidden
        // Layers of the fusion: the first reads 2 * hidden values and its input needs no gradient.
        let (firstLayer, others, recurrent): (Double, Double, Double) =
            switch fusion {
            case .lstm: (8 * square, 4 * square, 4 * square)
            // Of the cell's four gates, the forget gate multiplies a state of zero.
            case .gated: (6 * square, 3 * square, 0)
            case .linear: (2 * square, 0, 0)
            }
        let decoder =
            hidden * (2 * width + 2 * keyValueWidth) + 3 * hidden * Double(model.intermediateSize)
            // Half of the positions are visible in the mean, to scores and to sums.
            + Double(length) * width
        let forward = firstLayer + others + 2 * recurrent + decoder
        let vocabulary = Double(model.vocabularySize) * hidden
        multiplications = 3 * forward - firstLayer + 3 * vocabulary + (glance ? forward + vocabulary : 0)
        // The first layer's input is given: it needs no gradient.
        let first = firstLayer + 2 * recurrent
        backward = (vocabulary, 2 * decoder, fusion == .linear ? [first] : [2 * (others + recurrent), first])
        recurrentReads = (glance ? 3 : 2) * 2 * recurrent
        recurrentWeights = recurrent
    }
}
