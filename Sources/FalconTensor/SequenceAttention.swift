internal import CFalconKernels

/// Which keys a query of a whole sequence sees.
///
/// Positions are cut into blocks of `blockSize` from position 0; query i sees key j iff
/// `floor(j / blockSize) <= floor(i / blockSize)` and j is no padding: the relaxed causal mask of semi-autoregressive
/// drafting (Falcon, section 3.2). Block size 1 is the causal mask. What a query sees is always a prefix.
package struct Visibility: Sendable, Equatable {
    package let blockSize: Int
    /// The number of real positions of each row of the batch; the rest is padding on the right. `nil`: no padding.
    package let lengths: [Int]?

    package init(blockSize: Int, lengths: [Int]? = nil) {
        precondition(blockSize >= 1, "a block of \(blockSize) positions")
        self.blockSize = blockSize
        self.lengths = lengths
    }

    /// How many keys the query at `position` sees in row `row` of a batch of `time` positions. A query that stands on
    /// padding sees the row's real keys.
    package func count(at position: Int, row: Int, time: Int) -> Int {
        min((position / blockSize + 1) * blockSize, time, lengths?[row] ?? time)
    }
}

/// Attention of a whole sequence on itself, for training: softmax(scale * Q K^T) V with scale = 1 / sqrt(head size).
///
/// Scores exist for one head and one tile of queries at a time, in the adjoint too, which computes them again from the
/// kept log-sum-exp (as in FlashAttention, Dao et al. 2022); so memory grows with T, not with T^2. Query head h reads
/// key-value head `h / (heads / keyValueHeads)` (grouped queries).
package enum SequenceAttention {
    /// Queries of one tile: its scores (tile x T) should stay in the second-level cache.
    private static let tile = 64

    private struct Shape {
        let batch, time, heads, keyValueHeads, headSize: Int
        var scale: Float { 1 / Float(headSize).squareRoot() }
        var group: Int { heads / keyValueHeads }
        var width: Int { heads * headSize }
        var keyWidth: Int { keyValueHeads * headSize }

        init(_ queries: Tensor, _ keys: Tensor, _ values: Tensor, heads: Int, keyValueHeads: Int) {
            precondition(
                queries.shape.count == 3 && heads > 0 && keyValueHeads > 0 && heads % keyValueHeads == 0
                    && queries.width % heads == 0,
                "\(heads) heads over \(keyValueHeads) key-value heads for queries of shape \(queries.shape)")
            (batch, time) = (queries.shape[0], queries.shape[1])
            (self.heads, self.keyValueHeads) = (heads, keyValueHeads)
            headSize = queries.width / heads
            let expected = [batch, time, keyValueHeads * headSize]
            precondition(
                keys.shape == expected && values.shape == expected,
                "keys of shape \(keys.shape) and values of shape \(values.shape), expected \(expected)")
        }

        /// For each row and position, how many keys are visible.
        func visible(_ visibility: Visibility) -> [Int32] {
            precondition(
                visibility.lengths.map { $0.count == batch && $0.allSatisfy { (0...time).contains($0) } } ?? true,
                "lengths \(visibility.lengths ?? []) for a batch of shape \([batch, time])")
            return (0..<batch).flatMap { row in
                (0..<time).map { Int32(visibility.count(at: $0, row: row, time: time)) }
            }
        }
    }

    /// - Parameters:
    ///   - queries: `[batch, time, heads * headSize]`.
    ///   - keys: `[batch, time, keyValueHeads * headSize]`; `values` alike.
    /// - Returns: the output, of the queries' shape (zeros where nothing is visible), and each query's log-sum-exp of
    ///   scaled scores `[batch, heads, time]`, which `adjoint` reads.
    package static func forward(
        queries: Tensor, keys: Tensor, values: Tensor, heads: Int, keyValueHeads: Int, visibility: Visibility,
        on pool: ThreadPool
    ) -> (output: Tensor, logSumExp: Tensor) {
        let shape = Shape(queries, keys, values, heads: heads, keyValueHeads: keyValueHeads)
        let (time, size) = (shape.time, shape.headSize)
        let visible = shape.visible(visibility)
        var output = Tensor(uninitialized: queries.shape)
        var logSumExp = Tensor(uninitialized: [shape.batch, heads, time])
        let (outputs, sums) = unsafe (output.mutablePointer(), logSumExp.mutablePointer())
        let (q, k, v) = unsafe (queries.pointer, keys.pointer, values.pointer)
        let loops = unsafe TrainingLoops.best
        pool.run(shape.batch * heads) { piece in
            let (row, head) = (piece / heads, piece % heads)
            let scratch = TensorStorage(uninitialized: tile * time)
            let keyStart = row * time * shape.keyWidth + head / shape.group * size
            for first in stride(from: 0, to: time, by: tile) {
                let rows = min(tile, time - first)
                let start = (row * time + first) * shape.width + head * size
                let columns = Int(visible[row * time + first + rows - 1])
                unsafe OpenBLAS.product(
                    rows: rows, columns: columns, depth: size, alpha: shape.scale,
                    a: q + start, stride: shape.width, transposed: false,
                    b: k + keyStart, stride: shape.keyWidth, transposed: true,
                    c: scratch.base, stride: max(columns, 1))
                unsafe visible.withUnsafeBufferPointer { counts in
                    unsafe loops.attention_soften(
                        scratch.base, columns, rows, columns, counts.baseAddress! + row * time + first,
                        sums + piece * time + first)
                }
                unsafe OpenBLAS.product(
                    rows: rows, columns: size, depth: columns,
                    a: scratch.base, stride: max(columns, 1), transposed: false,
                    b: v + keyStart, stride: shape.keyWidth, transposed: false,
                    c: outputs + start, stride: shape.width)
            }
        }
        return (output, logSumExp)
    }

    /// The gradients with respect to queries, keys and values.
    ///
    /// - Parameters:
    ///   - gradient: the loss's derivative with respect to the output, of its shape.
    ///   - output, logSumExp: what `forward` returned for the same inputs.
    package static func adjoint(
        _ gradient: Tensor, queries: Tensor, keys: Tensor, values: Tensor, output: Tensor, logSumExp: Tensor,
        heads: Int, keyValueHeads: Int, visibility: Visibility, on pool: ThreadPool
    ) -> (queries: Tensor, keys: Tensor, values: Tensor) {
        let shape = Shape(queries, keys, values, heads: heads, keyValueHeads: keyValueHeads)
        precondition(
            gradient.shape == queries.shape && output.shape == queries.shape,
            "a gradient of shape \(gradient.shape) for an attention of shape \(queries.shape)")
        let (time, size) = (shape.time, shape.headSize)
        let visible = shape.visible(visibility)
        var queryGradient = Tensor(uninitialized: queries.shape)
        // One share for each query head, so that heads of a group can run at once; summed in head order below.
        var keyShares = Tensor(zeros: queries.shape)
        var valueShares = Tensor(zeros: queries.shape)
        let (dq, dk, dv) = unsafe (
            queryGradient.mutablePointer(), keyShares.mutablePointer(), valueShares.mutablePointer()
        )
        let (q, k, v) = unsafe (queries.pointer, keys.pointer, values.pointer)
        let (upstream, outputs, sums) = unsafe (gradient.pointer, output.pointer, logSumExp.pointer)
        let loops = unsafe TrainingLoops.best
        pool.run(shape.batch * heads) { piece in
            let (row, head) = (piece / heads, piece % heads)
            let probabilities = TensorStorage(uninitialized: tile * time)
            let slopes = TensorStorage(uninitialized: tile * time)
            let dots = TensorStorage(uninitialized: tile)
            let keyStart = row * time * shape.keyWidth + head / shape.group * size
            let shareStart = row * time * shape.width + head * size
            for first in stride(from: 0, to: time, by: tile) {
                let rows = min(tile, time - first)
                let start = shareStart + first * shape.width
                let columns = Int(visible[row * time + first + rows - 1])
                let width = max(columns, 1)
                unsafe OpenBLAS.product(
                    rows: rows, columns: columns, depth: size, alpha: shape.scale,
                    a: q + start, stride: shape.width, transposed: false,
                    b: k + keyStart, stride: shape.keyWidth, transposed: true,
                    c: probabilities.base, stride: width)
                unsafe OpenBLAS.product(
                    rows: rows, columns: columns, depth: size,
                    a: upstream + start, stride: shape.width, transposed: false,
                    b: v + keyStart, stride: shape.keyWidth, transposed: true,
                    c: slopes.base, stride: width)
                for i in 0..<rows {
                    unsafe dots.base[i] = loops.dot(
                        upstream + start + i * shape.width, outputs + start + i * shape.width, size)
                }
                unsafe visible.withUnsafeBufferPointer { counts in
                    unsafe loops.attention_adjoint(
                        probabilities.base, slopes.base, columns, rows, columns,
                        counts.baseAddress! + row * time + first, sums + piece * time + first, dots.base, shape.scale)
                }
                unsafe OpenBLAS.product(
                    rows: rows, columns: size, depth: columns,
                    a: slopes.base, stride: width, transposed: false,
                    b: k + keyStart, stride: shape.keyWidth, transposed: false,
                    c: dq + start, stride: shape.width)
                unsafe OpenBLAS.product(
                    rows: columns, columns: size, depth: rows,
                    a: slopes.base, stride: width, transposed: true,
                    b: q + start, stride: shape.width, transposed: false,
                    beta: 1, c: dk + shareStart, stride: shape.width)
                unsafe OpenBLAS.product(
                    rows: columns, columns: size, depth: rows,
                    a: probabilities.base, stride: width, transposed: true,
                    b: upstream + start, stride: shape.width, transposed: false,
                    beta: 1, c: dv + shareStart, stride: shape.width)
            }
        }
        return (queryGradient, summedOverGroups(keyShares, shape, pool), summedOverGroups(valueShares, shape, pool))
    }

    /// `[batch, time, heads * size]` to `[batch, time, keyValueHeads * size]`.
    private static func summedOverGroups(_ shares: Tensor, _ shape: Shape, _ pool: ThreadPool) -> Tensor {
        guard shape.group > 1 else { return shares }
        var result = Tensor(zeros: [shape.batch, shape.time, shape.keyWidth])
        let target = unsafe result.mutablePointer()
        let source = unsafe shares.pointer
        pool.run(shape.batch) { row in
            for position in row * shape.time..<(row + 1) * shape.time {
                for head in 0..<shape.heads {
                    unsafe falcon_add(
                        target + position * shape.keyWidth + head / shape.group * shape.headSize,
                        source + position * shape.width + head * shape.headSize, shape.headSize)
                }
            }
        }
        return result
    }
}
