import FalconAutograd
import FalconTensor

/// One gradient for each trainable parameter of a network: what a backward pass found, or the sum over several.
///
/// A parameter that the loss does not depend on (the dead weights of a cell without recurrence) has none, which counts
/// as zeros: it decays like the others, as in PyTorch where it was part of the graph.
package struct ParameterGradients {
    private let shapes: [[Int]]
    private let indices: [ObjectIdentifier: Int]
    /// In the order of `ParameterCollection.trainable`.
    private var found: [Tensor?]

    /// None: the start of an accumulation.
    package init(noneFor parameters: ParameterCollection) {
        shapes = parameters.trainable.map(\.shape)
        indices = parameters.trainableIndices
        found = [Tensor?](repeating: nil, count: shapes.count)
    }

    /// What one backward pass found.
    package init(_ gradients: Gradients, for parameters: ParameterCollection) {
        self.init(noneFor: parameters)
        found = parameters.trainable.map { gradients[$0] }
    }

    package var count: Int { found.count }

    /// The gradient of a parameter, by its place among the trainable ones; `nil`: zeros.
    package subscript(_ index: Int) -> Tensor? { found[index] }

    /// The same, handed over: none is left here.
    package mutating func take(_ index: Int) -> Tensor? { found[index].take() }

    /// All of them, zeros written out.
    package var tensors: [Tensor] { zip(found, shapes).map { $0 ?? Tensor(zeros: $1) } }

    /// Runs a backward pass and adds what it finds: gradient accumulation over batches that do not fit together.
    package mutating func add(_ pass: BackwardPass) {
        pass.run { owner, gradient in
            guard let index = indices[owner] else { return }
            if var sum = found[index].take() {
                sum.add(gradient)
                found[index] = sum
            } else {
                found[index] = gradient
            }
        }
    }

    /// Adds those of another sum.
    package mutating func add(_ other: consuming ParameterGradients) {
        for index in found.indices {
            guard let gradient = other.take(index) else { continue }
            if var sum = found[index].take() {
                sum.add(gradient)
                found[index] = sum
            } else {
                found[index] = gradient
            }
        }
    }

    /// Multiplies every gradient, e.g. to turn a sum over positions into their mean.
    package mutating func scale(by factor: Float) { change { $0.scale(factor) } }

    /// Rounds every value to bfloat16, to nearest, ties to even.
    package mutating func roundToBFloat16(on pool: ThreadPool) { change { $0.roundToBFloat16(on: pool) } }

    /// The Euclidean norm of all gradients together.
    package func norm(on pool: ThreadPool) -> Double {
        found.reduce(0) { $0 + ($1?.sumOfSquares(on: pool) ?? 0) }.squareRoot()
    }

    /// Whether no value is infinite or not a number.
    package var isFinite: Bool { found.allSatisfy { $0?.isFinite ?? true } }

    /// Limits every value to `-limit...limit`; NaN stays NaN.
    package mutating func clip(toValue limit: Float) { change { $0.clamp(to: limit) } }

    /// Scales all gradients so that their norm is at most `limit`, as `clip_grad_norm_` of PyTorch does.
    ///
    /// - Returns: the norm before.
    @discardableResult
    package mutating func clip(toNorm limit: Double, on pool: ThreadPool) -> Double {
        let norm = norm(on: pool)
        let factor = limit / (norm + 1e-6)
        if factor < 1 { scale(by: Float(factor)) }
        return norm
    }

    private mutating func change(_ body: (inout Tensor) -> Void) {
        for index in found.indices {
            guard var gradient = found[index].take() else { continue }
            body(&gradient)
            found[index] = gradient
        }
    }
}
