import Foundation

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
        let (hidden, next) = (Tensor(uninitialized: [rows, size]), Tensor(uninitialized: [rows, size]))
        for row in 0..<rows {
            let gate = unsafe gates.pointer + row * 4 * size
            for unit in row * size..<(row + 1) * size {
                let place = unit - row * size
                let i = unsafe sigmoid(gate[place])
                let f = unsafe sigmoid(gate[place + size])
                let g = unsafe tanh(gate[place + 2 * size])
                let o = unsafe sigmoid(gate[place + 3 * size])
                let value = unsafe f * cell.pointer[unit] + i * g
                unsafe next.storage.base[unit] = value
                unsafe hidden.storage.base[unit] = o * tanh(value)
            }
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
        let hidden = Tensor(uninitialized: [rows, size])
        for row in 0..<rows {
            let gate = unsafe gates.pointer + row * 3 * size
            let result = unsafe hidden.storage.base + row * size
            for unit in 0..<size {
                let i = unsafe sigmoid(gate[unit])
                let g = unsafe tanh(gate[unit + size])
                let o = unsafe sigmoid(gate[unit + 2 * size])
                unsafe result[unit] = o * tanh(i * g)
            }
        }
        return hidden
    }

    private static func sigmoid(_ x: Float) -> Float { 1 / (1 + exp(-x)) }
}
