import FalconTensor

/// A recurrent layer over positions.
extension Tape {
    /// One LSTM layer from a zero state (or from `initial`, a constant).
    ///
    /// - Parameters:
    ///   - projected: `[batch, time, 4 * hidden]`: the layer's input times W_ih transposed, plus both biases.
    ///   - hiddenWeight: W_hh, `[4 * hidden, hidden]`, gate order i, f, g, o.
    /// - Returns: `[batch, time, hidden]`.
    package mutating func lstm(
        _ projected: Variable, hiddenWeight: Variable, initial: LSTM.State? = nil
    ) -> Variable {
        let precision = precision
        let steps = LSTM.forward(
            projected: projected.value, hiddenWeight: hiddenWeight.value, initial: initial, precision: precision,
            on: pool)
        return record(
            steps.hidden, LSTMOperation(steps: steps, hiddenWeight: hiddenWeight.value, precision: precision),
            inputs: [projected, hiddenWeight])
    }
}

struct LSTMOperation: Operation {
    let steps: LSTM.Steps
    let hiddenWeight: Tensor
    let precision: ProductPrecision

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        let gradients = LSTM.adjoint(gradient, steps: steps, hiddenWeight: hiddenWeight, precision: precision, on: pool)
        return [gradients.projected, gradients.hiddenWeight]
    }
}
