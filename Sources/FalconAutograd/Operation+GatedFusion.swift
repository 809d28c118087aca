import FalconTensor

/// The position-wise form of the fusion LSTM.
extension Tape {
    /// One LSTM cell that starts from zero at every position: `o * tanh(i * g)`. The recurrent weight has no part.
    ///
    /// - Parameters:
    ///   - input: `[..., depth]`.
    ///   - weight: W_ih, `[4 * hidden, depth]`, gate order i, f, g, o; its forget rows get a gradient of zero.
    ///   - biases: b_ih and b_hh, `[4 * hidden]` each.
    /// - Returns: `[..., hidden]`.
    package mutating func gatedFusion(_ input: Variable, weight: Variable, biases: [Variable]) -> Variable {
        var bias = Tensor(zeros: [weight.shape[0]])
        for part in biases { bias.add(part.value) }
        let precision = precision
        let (hidden, gates) = GatedCell.forward(
            input.value, weight: weight.value, bias: bias, precision: precision, on: pool)
        return record(
            hidden.reshaped(input.shape.dropLast() + [hidden.width]),
            GatedFusionOperation(
                input: input.value, weight: weight.value, gates: gates, biasCount: biases.count,
                needsInput: input.needsGradient, precision: precision),
            inputs: [input, weight] + biases)
    }
}

struct GatedFusionOperation: Operation {
    let input, weight, gates: Tensor
    let biasCount: Int
    let needsInput: Bool
    let precision: ProductPrecision

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        let gradients = GatedCell.adjoint(
            gradient, input: input, weight: weight, gates: gates, needsInput: needsInput, precision: precision,
            on: pool)
        return [gradients.input, gradients.weight] + [Tensor?](repeating: gradients.bias, count: biasCount)
    }
}
