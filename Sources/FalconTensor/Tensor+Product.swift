/// Matrix products for training: large, float32, through OpenBLAS.
///
/// A product is cut into tiles of rows and columns by its shape alone, one OpenBLAS call a tile, so that the result
/// does not depend on the number of threads. Products with few rows (decoding) have kernels of their own; see
/// `PackedMatrix`.
extension Tensor {
    /// `op(left) * op(right)`, where `op` transposes a matrix when asked.
    ///
    /// - Parameters:
    ///   - left: `[rows, depth]`, or `[depth, rows]` where `transposed.left`. More axes fold into rows.
    ///   - right: `[depth, columns]`, or `[columns, depth]` where `transposed.right`.
    ///   - precision: what both are rounded to before they are multiplied.
    /// - Returns: `[rows, columns]`.
    package static func product(
        _ left: Tensor, _ right: Tensor, transposed: (left: Bool, right: Bool) = (false, false),
        precision: ProductPrecision = .float32, on pool: ThreadPool
    ) -> Tensor {
        let (rows, columns, _) = productShape(left, right, transposed)
        var result = Tensor(uninitialized: [rows, columns])
        addProduct(left, right, transposed: transposed, keeping: 0, to: &result, precision: precision, on: pool)
        return result
    }

    /// `result = keeping * result + op(left) * op(right)`; shapes as in `product`.
    package static func addProduct(
        _ left: Tensor, _ right: Tensor, transposed: (left: Bool, right: Bool) = (false, false), keeping: Float = 1,
        to result: inout Tensor, precision: ProductPrecision = .float32, on pool: ThreadPool
    ) {
        let (rows, columns, depth) = productShape(left, right, transposed)
        precondition(
            result.count == rows * columns, "a product of shape \([rows, columns]) does not fit \(result.shape)")
        guard rows > 0, columns > 0 else { return }
        if depth == 0 {
            if keeping == 0 { result = Tensor(zeros: result.shape) }
            return
        }
        let target = unsafe result.mutablePointer()
        unsafe pool.product(
            rows: rows, columns: columns, depth: depth,
            a: left.pointer, stride: left.width, transposed: transposed.left,
            b: right.pointer, stride: right.width, transposed: transposed.right,
            beta: keeping, c: target, stride: columns, precision: precision)
    }

    private static func productShape(
        _ left: Tensor, _ right: Tensor, _ transposed: (left: Bool, right: Bool)
    ) -> (rows: Int, columns: Int, depth: Int) {
        let (leftRows, leftColumns) = (left.rowCount, left.width)
        let (rightRows, rightColumns) = (right.rowCount, right.width)
        let (rows, depth) = transposed.left ? (leftColumns, leftRows) : (leftRows, leftColumns)
        let (rightDepth, columns) = transposed.right ? (rightColumns, rightRows) : (rightRows, rightColumns)
        precondition(
            depth == rightDepth,
            "cannot multiply \(left.shape)\(transposed.left ? " transposed" : "") by "
                + "\(right.shape)\(transposed.right ? " transposed" : "")")
        return (rows, columns, depth)
    }
}
