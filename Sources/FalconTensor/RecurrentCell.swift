internal import CFalconKernels

/// Recurrent cells of inference. Each row's result depends on that row alone, to the last bit.
extension Tensor {
    /// One step of an LSTM (Hochreiter, Schmidhuber 1997; gates in PyTorch's order).
    ///
    /// - Parameters:
    ///   - gates: `[rows, 4 * hidden]`, the gates i, f, g, o before activation.
    ///   - cell: the cells before the step, `[rows, hidden]`.
    /// - Returns: hidden values and cells after the step, `[rows, hidden]` each.
    package static func recurrentStep(gates: Tensor, cell: Tensor) -> (hidden: Tensor, cell: Tensor) {
        let (rows, size) = (gates.rowCount, gates.width / 4)
        precondition(
            gates.width == 4 * size && cell.rowCount == rows && cell.width == size,
            "LSTM gates of shape \(gates.shape) for cells of shape \(cell.shape)")
        var gates = gates
        let activated = unsafe gates.mutablePointer()
        let (hidden, next) = (Tensor(uninitialized: [rows, size]), Tensor(uninitialized: [rows, size]))
        let loops = unsafe TrainingLoops.best
        for row in 0..<rows {
            let gate = unsafe activated + row * 4 * size
            unsafe loops.sigmoid(gate, 2 * size)
            unsafe loops.hyperbolic_tangent(gate + 2 * size, size)
            unsafe loops.sigmoid(gate + 3 * size, size)
            let (i, f, g, o) = unsafe (gate, gate + size, gate + 2 * size, gate + 3 * size)
            let before = unsafe cell.pointer + row * size
            let (after, output) = unsafe (next.storage.base + row * size, hidden.storage.base + row * size)
            for unit in 0..<size { unsafe after[unit] = f[unit] * before[unit] + i[unit] * g[unit] }
            unsafe output.update(from: after, count: size)
            unsafe loops.hyperbolic_tangent(output, size)
            unsafe falcon_multiply(output, o, size)
        }
        return (hidden, next)
    }

    /// The same step from a state of zeros, where neither the forget gate nor the state matters: `o * tanh(i * g)`.
    ///
    /// - Parameter gates: `[rows, 3 * hidden]`, the gates i, g, o before activation.
    /// - Returns: hidden values `[rows, hidden]`.
    package static func gatedStep(gates: Tensor) -> Tensor {
        let (rows, size) = (gates.rowCount, gates.width / 3)
        precondition(gates.width == 3 * size, "three gates in rows of shape \(gates.shape)")
        var gates = gates
        let activated = unsafe gates.mutablePointer()
        let hidden = Tensor(uninitialized: [rows, size])
        let loops = unsafe TrainingLoops.best
        for row in 0..<rows {
            let gate = unsafe activated + row * 3 * size
            unsafe loops.sigmoid(gate, size)
            unsafe loops.hyperbolic_tangent(gate + size, size)
            unsafe loops.sigmoid(gate + 2 * size, size)
            let output = unsafe hidden.storage.base + row * size
            unsafe output.update(from: gate, count: size)
            unsafe falcon_multiply(output, gate + size, size)
            unsafe loops.hyperbolic_tangent(output, size)
            unsafe falcon_multiply(output, gate + 2 * size, size)
        }
        return hidden
    }
}
