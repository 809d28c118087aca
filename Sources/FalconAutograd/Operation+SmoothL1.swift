import FalconTensor

/// The feature loss.
extension Tape {
    /// Smooth-L1 (beta 1) between predicted and true features: mean over a row, sum over rows, over `denominator`.
    ///
    /// - Parameters:
    ///   - predicted: `[rows, hidden]`, only the rows that count (see `rows(of:at:)`).
    ///   - target: of the same shape; gets no gradient.
    /// - Returns: the loss `[]`, and the evaluation it came from.
    package mutating func smoothL1(
        _ predicted: Variable, target: Tensor, denominator: Float
    ) -> (loss: Variable, result: SmoothL1.Result) {
        let result = SmoothL1.evaluate(
            predicted: predicted.value, target: target, denominator: denominator, on: pool)
        let loss = record(
            Tensor([result.loss], []), KnownGradientOperation(gradients: [result.gradient]), inputs: [predicted])
        return (loss, result)
    }
}

/// A scalar loss whose derivatives were found in its forward pass; only the scale is left for the backward pass.
struct KnownGradientOperation: Operation {
    let gradients: [Tensor?]

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        gradients.map { known in
            guard var scaled = known else { return nil }
            if gradient.scalar != 1 { scaled.scale(gradient.scalar) }
            return scaled
        }
    }
}
