internal import CFalconKernels

/// The position-wise fusion that published Falcon weights were trained with: an LSTM cell that starts from zero at
/// every position, `h = o * tanh(i * g)`.
///
/// With h' = c' = 0 the recurrent weight and the forget gate have no effect. The parameters keep PyTorch's layout
/// (gate order i, f, g, o), but the forget gate's rows are never multiplied and get a gradient of zero.
package enum GatedCell {
    /// Rows of one piece of work.
    private static let tile = 256

    /// - Parameters:
    ///   - input: `[rows, depth]`; more axes fold into rows.
    ///   - weight: W_ih, `[4 * hidden, depth]`.
    ///   - bias: b_ih + b_hh, `[4 * hidden]`.
    ///   - precision: of the products.
    /// - Returns: hidden `[rows, hidden]`, and the gates i, g, o after activation `[rows, 3 * hidden]` for `adjoint`.
    package static func forward(
        _ input: Tensor, weight: Tensor, bias: Tensor, precision: ProductPrecision = .float32, on pool: ThreadPool
    ) -> (hidden: Tensor, gates: Tensor) {
        let (rows, depth, size) = shape(input, weight)
        precondition(bias.shape == [4 * size], "a bias of shape \(bias.shape), expected \([4 * size])")
        var hidden = Tensor(uninitialized: [rows, size])
        var gates = Tensor(uninitialized: [rows, 3 * size])
        let (h, g) = unsafe (hidden.mutablePointer(), gates.mutablePointer())
        let (x, w) = unsafe (input.pointer, weight.pointer)
        unsafe pool.product(
            rows: rows, columns: size, depth: depth, a: x, stride: depth, transposed: false,
            b: w, stride: depth, transposed: true, c: g, stride: 3 * size, precision: precision)
        unsafe pool.product(
            rows: rows, columns: 2 * size, depth: depth, a: x, stride: depth, transposed: false,
            b: w + 2 * size * depth, stride: depth, transposed: true, c: g + size, stride: 3 * size,
            precision: precision)
        let values = bias.scalars
        let usedBias = Tensor(Array(values[..<size] + values[(2 * size)...]), [3 * size])
        let b = unsafe usedBias.pointer
        let loops = unsafe TrainingLoops.best
        pool.run((rows + tile - 1) / tile) { piece in
            for row in piece * tile..<min(rows, (piece + 1) * tile) {
                unsafe loops.gated_cell(g + row * 3 * size, b, h + row * size, size)
            }
        }
        return (hidden, gates)
    }

    /// The gradients with respect to input, weight and bias.
    ///
    /// - Parameters:
    ///   - gradient: the loss's derivative with respect to hidden, `[rows, hidden]`; more axes fold into rows.
    ///   - gates: what `forward` returned.
    ///   - needsInput: whether the input's gradient is wanted; it costs a product.
    package static func adjoint(
        _ gradient: Tensor, input: Tensor, weight: Tensor, gates: Tensor, needsInput: Bool = true,
        precision: ProductPrecision = .float32, on pool: ThreadPool
    ) -> (input: Tensor?, weight: Tensor, bias: Tensor) {
        let (rows, depth, size) = shape(input, weight)
        precondition(
            gradient.count == rows * size && gates.shape == [rows, 3 * size],
            "a gradient of shape \(gradient.shape) for gates of shape \(gates.shape)")
        var slopes = Tensor(uninitialized: [rows, 3 * size])
        let d = unsafe slopes.mutablePointer()
        let (g, upstream) = unsafe (gates.pointer, gradient.pointer)
        let loops = unsafe TrainingLoops.best
        pool.run((rows + tile - 1) / tile) { piece in
            for row in piece * tile..<min(rows, (piece + 1) * tile) {
                unsafe loops.gated_cell_adjoint(g + row * 3 * size, upstream + row * size, d + row * 3 * size, size)
            }
        }
        var weightGradient = Tensor(uninitialized: weight.shape)
        let dw = unsafe weightGradient.mutablePointer()
        unsafe (dw + size * depth).update(repeating: 0, count: size * depth)
        let (x, w) = unsafe (input.pointer, weight.pointer)
        // The weight's rows of i, then those of g and o together.
        for (first, count, column) in [(0, size, 0), (2 * size, 2 * size, size)] {
            unsafe pool.product(
                rows: count, columns: depth, depth: rows, a: d + column, stride: 3 * size, transposed: true,
                b: x, stride: depth, transposed: false, c: dw + first * depth, stride: depth,
                precision: precision)
        }
        let sums = slopes.sumOfRows().scalars
        let bias = Tensor(sums[..<size] + [Float](repeating: 0, count: size) + sums[size...], [4 * size])
        guard needsInput else { return (nil, weightGradient, bias) }
        var inputGradient = Tensor(uninitialized: input.shape)
        let dx = unsafe inputGradient.mutablePointer()
        for (first, count, column, keeping) in [(0, size, 0, Float(0)), (2 * size, 2 * size, size, 1)] {
            unsafe pool.product(
                rows: rows, columns: depth, depth: count, a: d + column, stride: 3 * size, transposed: false,
                b: w + first * depth, stride: depth, transposed: false, beta: keeping, c: dx, stride: depth,
                precision: precision)
        }
        return (inputGradient, weightGradient, bias)
    }

    private static func shape(_ input: Tensor, _ weight: Tensor) -> (rows: Int, depth: Int, size: Int) {
        precondition(
            weight.shape.count == 2 && weight.shape[0] % 4 == 0 && input.width == weight.width,
            "a gated cell with a weight of shape \(weight.shape) cannot take an input of shape \(input.shape)")
        return (input.rowCount, input.width, weight.shape[0] / 4)
    }
}
