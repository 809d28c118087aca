internal import CFalconKernels

extension PackedMatrix {
    /// For each row the column of its largest output, the lowest one where several are equal; outputs that are no
    /// numbers are passed over. What `multiply` and `argmaxRows` give, but `[rows, columns]` never exists: each thread
    /// looks at its outputs while they are in its cache.
    ///
    /// - Parameter x: `[rows, depth]`.
    package func largestColumns(_ x: Tensor, on pool: ThreadPool) -> [Int32] {
        precondition(x.width == depth, "rows of shape \(x.shape) into a layer of \(depth) inputs")
        let rows = x.rowCount
        var largest = [(value: Float, column: Int32)](repeating: (-.infinity, 0), count: rows)
        guard rows > 0, columns > 0 else { return largest.map(\.column) }
        let loops = unsafe TrainingLoops.best
        for run in runs {
            let packed = PackedRows(x, for: run.form, on: pool)
            let nothing = TensorStorage(uninitialized: 0)
            let product = unsafe PackedProduct(run, packed, scratch: nothing)
            let count = unsafe product.pieceCount
            let places = (0..<count).map { unsafe product.outputs(ofPiece: $0) }
            // Of each piece the largest output of each of its rows.
            var firsts = [0]
            for place in places { firsts.append(firsts[firsts.count - 1] + place.rows.count) }
            let values = TensorStorage(uninitialized: firsts[count])
            var found = [Int32](repeating: 0, count: firsts[count])
            unsafe found.withUnsafeMutableBufferPointer { found in
                guard let found = found.baseAddress else { return }
                pool.run(count) { piece in
                    let (rows, columns) = places[piece]
                    let outputs = TensorStorage(uninitialized: rows.count * columns.count)
                    unsafe product.multiply(piece: piece, into: outputs.base)
                    for row in 0..<rows.count {
                        let place = firsts[piece] + row
                        unsafe values.base[place] = loops.maximum(
                            outputs.base + row * columns.count, columns.count, found + place)
                    }
                }
            }
            withExtendedLifetime((self, packed, nothing)) {}
            // Pieces stand in no order of their columns.
            let order = places.indices.sorted { places[$0].columns.lowerBound < places[$1].columns.lowerBound }
            for piece in order {
                let (rows, columns) = places[piece]
                for row in rows {
                    let place = firsts[piece] + row - rows.lowerBound
                    let value = unsafe values.base[place]
                    if value > largest[row].value {
                        largest[row] = (value, Int32(run.columns.lowerBound + columns.lowerBound) + found[place])
                    }
                }
            }
        }
        return largest.map(\.column)
    }
}
