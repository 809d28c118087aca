/// Matrix products for training: large, float32, through OpenBLAS.
///
/// A product is cut into tiles of rows and columns by its shape alone, one OpenBLAS call a tile, so that the result
/// does not depend on the number of threads. Products with few rows (decoding) have kernels of their own; see
/// `PackedMatrix`.
extension Tensor {
    /// Rows (and columns) of a tile: large enough that OpenBLAS repacking an operand a tile costs little.
    private static let tile = 256

    /// `op(left) * op(right)`, where `op` transposes a matrix when asked.
    ///
    /// - Parameters:
    ///   - left: `[rows, depth]`, or `[depth, rows]` where `transposed.left`. More axes fold into rows.
    ///   - right: `[depth, columns]`, or `[columns, depth]` where `transposed.right`.
    /// - Returns: `[rows, columns]`.
    package static func product(
        _ left: Tensor, _ right: Tensor, transposed: (left: Bool, right: Bool) = (false, false), on pool: ThreadPool
    ) -> Tensor {
        let (rows, columns, _) = productShape(left, right, transposed)
        var result = Tensor(uninitialized: [rows, columns])
        addProduct(left, right, transposed: transposed, keeping: 0, to: &result, on: pool)
        return result
    }

    /// `result = keeping * result + op(left) * op(right)`; shapes as in `product`.
    package static func addProduct(
        _ left: Tensor, _ right: Tensor, transposed: (left: Bool, right: Bool) = (false, false), keeping: Float = 1,
        to result: inout Tensor, on pool: ThreadPool
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
        let (a, b) = unsafe (left.pointer, right.pointer)
        let (aStride, bStride) = (left.width, right.width)
        // Few, large tiles: cut the longer side first.
        let rowTile = rows >= columns ? tile : max(tile, rows)
        let columnTile = rows >= columns ? max(tile, columns) : tile
        let rowTiles = (rows + rowTile - 1) / rowTile
        let columnTiles = (columns + columnTile - 1) / columnTile
        pool.run(rowTiles * columnTiles) { piece in
            let firstRow = piece / columnTiles * rowTile
            let firstColumn = piece % columnTiles * columnTile
            unsafe OpenBLAS.product(
                rows: min(rowTile, rows - firstRow), columns: min(columnTile, columns - firstColumn), depth: depth,
                a: a + (transposed.left ? firstRow : firstRow * aStride), stride: aStride,
                transposed: transposed.left,
                b: b + (transposed.right ? firstColumn * bStride : firstColumn), stride: bStride,
                transposed: transposed.right,
                beta: keeping, c: target + firstRow * columns + firstColumn, stride: columns)
        }
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
