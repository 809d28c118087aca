import FalconAutograd
import FalconTensor

/// One gradient for each trainable parameter of a network: what a backward pass found, or the sum over several.
///
/// A parameter that the loss does not depend on (the dead weights of a cell without recurrence) has a gradient of
/// zeros, so that it decays like the others, as in PyTorch where it was part of the graph.
package struct ParameterGradients {
    /// In the order of `ParameterCollection.trainable`.
    package private(set) var tensors: [Tensor]

    /// Zeros: the start of an accumulation.
    package init(zerosFor parameters: ParameterCollection) {
        tensors = parameters.trainable.map { Tensor(zeros: $0.shape) }
    }

    /// What one backward pass found.
    package init(_ gradients: Gradients, for parameters: ParameterCollection) {
        tensors = parameters.trainable.map { gradients[$0] ?? Tensor(zeros: $0.shape) }
    }

    /// Adds what another backward pass found: gradient accumulation over batches that do not fit together.
    ///
    /// Weigh each batch with the `seed` of its backward pass, so that the sum is the mean that is meant.
    package mutating func add(_ gradients: Gradients, for parameters: ParameterCollection) {
        precondition(
            parameters.trainable.count == tensors.count,
            "\(tensors.count) gradients for \(parameters.trainable.count) parameters")
        for (index, parameter) in parameters.trainable.enumerated() {
            if let gradient = gradients[parameter] { tensors[index].add(gradient) }
        }
    }

    /// Multiplies every gradient, e.g. to turn a sum over positions into their mean.
    package mutating func scale(by factor: Float) {
        for index in tensors.indices { tensors[index].scale(factor) }
    }

    /// The Euclidean norm of all gradients together.
    package var norm: Double { tensors.reduce(0) { $0 + $1.sumOfSquares() }.squareRoot() }

    /// Whether no value is infinite or not a number.
    package var isFinite: Bool { tensors.allSatisfy(\.isFinite) }

    /// Limits every value to `-limit...limit`; NaN stays NaN.
    package mutating func clip(toValue limit: Float) {
        for index in tensors.indices { tensors[index].clamp(to: limit) }
    }

    /// Scales all gradients so that their norm is at most `limit`, as `clip_grad_norm_` of PyTorch does.
    ///
    /// - Returns: the norm before.
    @discardableResult
    package mutating func clip(toNorm limit: Double) -> Double {
        let norm = norm
        let factor = limit / (norm + 1e-6)
        if factor < 1 { for index in tensors.indices { tensors[index].scale(Float(factor)) } }
        return norm
    }
}
