internal import CFalconKernels

/// How losses over a vocabulary are cut, so that `[rows, vocabulary]` never exists: rows into chunks, one after the
/// other; the vocabulary into slices, side by side on the threads. Both depend on shapes alone. Here are the products
/// of a chunk with the head's weight `[vocabulary, hidden]`.
struct VocabularyChunks {
    let rows, vocabulary, hidden: Int
    /// Rows of one chunk.
    let chunkRows: Int
    /// Tokens of one slice.
    let sliceSize: Int
    private let weight: Tensor
    /// The weight laid out for `logits` and for `featureGradient` where products are in bfloat16.
    private let panels: (forward: BFloat16Panels, backward: BFloat16Panels?)?

    /// - Parameters:
    ///   - logitSets: how many sets of logits a chunk holds at once (student and teacher: 2).
    ///   - needsGradient: whether `featureGradient` will be asked for.
    init(
        rows: Int, weight: Tensor, logitSets: Int, needsGradient: Bool, precision: ProductPrecision,
        on pool: ThreadPool
    ) {
        (self.rows, self.weight) = (rows, weight)
        let (vocabulary, hidden) = (weight.rowCount, weight.width)
        (self.vocabulary, self.hidden) = (vocabulary, hidden)
        // 32 MB of logits at most, but enough rows that OpenBLAS packing the weight for each chunk costs little.
        let fitting = (32 << 20) / (4 * logitSets * max(vocabulary, 1))
        chunkRows = max(64, min(256, fitting / 64 * 64))
        sliceSize = max(256, min(2048, (vocabulary + 7) / 8))
        guard precision == .bfloat16, rows > 0 else {
            panels = nil
            return
        }
        let forward = unsafe BFloat16Panels(
            weight.pointer, stride: hidden, transposed: true, columns: vocabulary, depth: hidden, on: pool)
        let backward =
            needsGradient
            ? unsafe BFloat16Panels(
                weight.pointer, stride: hidden, transposed: false, columns: hidden, depth: vocabulary, on: pool) : nil
        panels = (forward, backward)
    }

    var chunkCount: Int { (rows + chunkRows - 1) / chunkRows }
    var sliceCount: Int { (vocabulary + sliceSize - 1) / sliceSize }
    /// How many values of scratch `featureGradient` needs.
    var shareCount: Int { panels == nil ? max(0, sliceCount - 1) * min(chunkRows, rows) * hidden : 0 }

    func chunk(_ index: Int) -> Range<Int> { index * chunkRows..<min(rows, (index + 1) * chunkRows) }
    func slice(_ index: Int) -> Range<Int> { index * sliceSize..<min(vocabulary, (index + 1) * sliceSize) }

    /// `logits[count, vocabulary] = features[count, hidden] * weight^T`.
    func logits(
        _ features: UnsafePointer<Float>, count: Int, into logits: UnsafeMutablePointer<Float>, on pool: ThreadPool
    ) {
        if let panels {
            unsafe panels.forward.multiply(
                features, stride: hidden, transposed: false, rows: count, beta: 0, into: logits, stride: vocabulary,
                on: pool)
            return
        }
        let w = unsafe weight.pointer
        pool.run(sliceCount) { piece in
            let slice = slice(piece)
            unsafe OpenBLAS.product(
                rows: count, columns: slice.count, depth: hidden,
                a: features, stride: hidden, transposed: false,
                b: w + slice.lowerBound * hidden, stride: hidden, transposed: true,
                c: logits + slice.lowerBound, stride: vocabulary)
        }
    }

    /// `gradient[count, hidden] = slopes[count, vocabulary] * weight`: a long sum over the vocabulary, taken slice by
    /// slice at once and added in order.
    ///
    /// - Parameter shares: scratch of `shareCount` values.
    func featureGradient(
        _ slopes: UnsafePointer<Float>, count: Int, shares: UnsafeMutablePointer<Float>,
        into gradient: UnsafeMutablePointer<Float>, on pool: ThreadPool
    ) {
        if let backward = panels?.backward {
            unsafe backward.multiply(
                slopes, stride: vocabulary, transposed: false, rows: count, beta: 0, into: gradient, stride: hidden,
                on: pool)
            return
        }
        let size = count * hidden
        let w = unsafe weight.pointer
        pool.run(sliceCount) { piece in
            let slice = slice(piece)
            unsafe OpenBLAS.product(
                rows: count, columns: hidden, depth: slice.count,
                a: slopes + slice.lowerBound, stride: vocabulary, transposed: false,
                b: w + slice.lowerBound * hidden, stride: hidden, transposed: false,
                c: piece == 0 ? gradient : shares + (piece - 1) * size, stride: hidden)
        }
        for piece in 1..<max(sliceCount, 1) { unsafe falcon_add(gradient, shares + (piece - 1) * size, size) }
    }

    /// `gradient[vocabulary, hidden] += slopes^T * features`.
    func addWeightGradient(
        _ slopes: UnsafePointer<Float>, count: Int, features: UnsafePointer<Float>,
        to gradient: UnsafeMutablePointer<Float>, on pool: ThreadPool
    ) {
        unsafe pool.product(
            rows: vocabulary, columns: hidden, depth: count,
            a: slopes, stride: vocabulary, transposed: true, b: features, stride: hidden, transposed: false,
            beta: 1, c: gradient, stride: hidden, precision: panels == nil ? .float32 : .bfloat16)
    }
}
