extension ThreadPool {
    /// `c[rows, columns] = op(a)[rows, depth] * op(b)[depth, columns] + beta * c` on all threads, row-major with the
    /// given strides, so that a product can read and write part of a larger matrix.
    ///
    /// In float32 it is cut into tiles by its shape alone, one OpenBLAS call a tile; so the result does not depend on
    /// the number of threads. Tiles are large, because OpenBLAS packs both operands again for each.
    ///
    /// - Parameter precision: what `a` and `b` are rounded to.
    func product(
        rows: Int, columns: Int, depth: Int,
        a: UnsafePointer<Float>, stride aStride: Int, transposed aTransposed: Bool,
        b: UnsafePointer<Float>, stride bStride: Int, transposed bTransposed: Bool,
        beta: Float = 0, c: UnsafeMutablePointer<Float>, stride cStride: Int, precision: ProductPrecision = .float32
    ) {
        guard rows > 0, columns > 0 else { return }
        if precision == .bfloat16, depth > 0 {
            let panels = unsafe BFloat16Panels(
                b, stride: bStride, transposed: bTransposed, columns: columns, depth: depth, on: self)
            unsafe panels.multiply(
                a, stride: aStride, transposed: aTransposed, rows: rows, beta: beta, into: c, stride: cStride, on: self)
            return
        }
        let tile = 256
        // Few, large tiles: cut the longer side only.
        let rowTile = rows >= columns ? tile : max(tile, rows)
        let columnTile = rows >= columns ? max(tile, columns) : tile
        let rowTiles = (rows + rowTile - 1) / rowTile
        let columnTiles = (columns + columnTile - 1) / columnTile
        run(rowTiles * columnTiles) { piece in
            let firstRow = piece / columnTiles * rowTile
            let firstColumn = piece % columnTiles * columnTile
            unsafe OpenBLAS.product(
                rows: min(rowTile, rows - firstRow), columns: min(columnTile, columns - firstColumn), depth: depth,
                a: a + (aTransposed ? firstRow : firstRow * aStride), stride: aStride, transposed: aTransposed,
                b: b + (bTransposed ? firstColumn * bStride : firstColumn), stride: bStride, transposed: bTransposed,
                beta: beta, c: c + firstRow * cStride + firstColumn, stride: cStride)
        }
    }
}
