import FalconTensor

/// The distillation loss over the frozen head's vocabulary.
extension Tape {
    /// `softWeight * soft + (1 - softWeight) * hard` over `denominator`; see `Distillation`.
    ///
    /// - Parameters:
    ///   - predicted: `[rows, hidden]`, only the rows that count (see `rows(of:at:)`).
    ///   - target: the true features, of the same shape; get no gradient.
    ///   - headWeight: `[vocabulary, hidden]`, frozen.
    /// - Returns: the loss `[]`, and the evaluation it came from: its parts, tokens and ranks.
    package mutating func distillation(
        _ predicted: Variable, target: Tensor, headWeight: Tensor, options: Distillation.Options, denominator: Float
    ) -> (loss: Variable, result: Distillation.Result) {
        let result = Distillation.evaluate(
            predicted: predicted.value, target: target, headWeight: headWeight, options: options,
            denominator: denominator, needsGradient: predicted.needsGradient, precision: precision,
            on: pool)
        let loss = record(
            Tensor([result.loss], []), KnownGradientOperation(gradients: [result.gradient]), inputs: [predicted])
        return (loss, result)
    }
}
