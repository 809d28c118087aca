internal import CFalconKernels

/// The feature loss of distillation: smooth-L1 with beta 1 between predicted and true features (Falcon, section 3.3).
package enum SmoothL1 {
    package struct Result: Sendable {
        /// Sum over rows of the mean over a row, divided by the denominator.
        package let loss: Float
        /// What each row adds to it, before the division; 0 in skipped rows.
        package let rowLosses: [Float]
        /// The loss's derivative with respect to `predicted`, of its shape.
        package let gradient: Tensor
        /// Rows with a value that is not finite: they count nothing and get no gradient.
        package let skippedRows: Int
    }

    /// - Parameters:
    ///   - predicted: `[rows, hidden]`, only the rows that count.
    ///   - target: of the same shape.
    ///   - denominator: what the sum over rows is divided by; the number of rows that count in the whole batch.
    package static func evaluate(
        predicted: Tensor, target: Tensor, denominator: Float, on pool: ThreadPool
    ) -> Result {
        precondition(
            predicted.shape == target.shape,
            "predicted features of shape \(predicted.shape), true features of shape \(target.shape)")
        let (rows, size) = (predicted.rowCount, predicted.width)
        precondition(rows == 0 || denominator > 0, "\(rows) rows over a denominator of \(denominator)")
        var gradient = Tensor(uninitialized: predicted.shape)
        var sums = Tensor(zeros: [rows])
        let (g, s) = unsafe (gradient.mutablePointer(), sums.mutablePointer())
        let (p, t) = unsafe (predicted.pointer, target.pointer)
        let loops = unsafe TrainingLoops.best
        let scale = 1 / (denominator * Float(size))
        let tile = 64
        pool.run((rows + tile - 1) / tile) { piece in
            for row in piece * tile..<min(rows, (piece + 1) * tile) {
                let start = row * size
                let sum = unsafe loops.smooth_l1(p + start, t + start, size, scale, g + start)
                unsafe s[row] = sum
                if !sum.isFinite { unsafe (g + start).update(repeating: 0, count: size) }
            }
        }
        let finite = sums.scalars.filter(\.isFinite)
        let loss = finite.reduce(0.0) { $0 + Double($1) } * Double(scale)
        return Result(
            loss: rows == 0 ? 0 : Float(loss),
            rowLosses: sums.scalars.map { $0.isFinite ? $0 / Float(size) : 0 }, gradient: gradient,
            skippedRows: rows - finite.count)
    }
}
