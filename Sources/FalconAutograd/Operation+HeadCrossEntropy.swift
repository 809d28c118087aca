import FalconTensor

/// The loss of ordinary language modelling, for pretraining a small target.
extension Tape {
    /// Cross entropy of `softmax(features * headWeight^T)` against labels, the sum over rows over `denominator`.
    ///
    /// - Parameters:
    ///   - features: `[rows, hidden]`, only the rows that count.
    ///   - headWeight: `[vocabulary, hidden]`, trainable or not.
    ///   - labels: one token for each row.
    /// - Returns: the loss `[]`, and the evaluation it came from.
    package mutating func headCrossEntropy(
        _ features: Variable, headWeight: Variable, labels: [Int32], denominator: Float
    ) -> (loss: Variable, result: HeadCrossEntropy.Result) {
        let result = HeadCrossEntropy.evaluate(
            features: features.value, headWeight: headWeight.value, labels: labels, denominator: denominator,
            needsFeatures: features.needsGradient, needsWeight: headWeight.needsGradient, precision: precision,
            on: pool)
        let loss = record(
            Tensor([result.loss], []),
            KnownGradientOperation(gradients: [result.featureGradient, result.weightGradient]),
            inputs: [features, headWeight])
        return (loss, result)
    }
}
