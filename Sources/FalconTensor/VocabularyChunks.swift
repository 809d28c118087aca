internal import CFalconKernels

/// How losses over a vocabulary are cut, so that `[rows, vocabulary]` never exists: rows into chunks, one after the
/// other; the vocabulary into slices, side by side on the threads. Both depend on shapes alone.
struct VocabularyChunks {
    let rows, vocabulary, hidden: Int
    /// Rows of one chunk.
    let chunkRows: Int
    /// Tokens of one slice.
    let sliceSize: Int

    /// - Parameter logitSets: how many sets of logits a chunk holds at once (student and teacher: 2).
    init(rows: Int, vocabulary: Int, hidden: Int, logitSets: Int) {
        (self.rows, self.vocabulary, self.hidden) = (rows, vocabulary, hidden)
        // 32 MB of logits at most, but enough rows that OpenBLAS packing the weight for each chunk costs little.
        let fitting = (32 << 20) / (4 * logitSets * max(vocabulary, 1))
        chunkRows = max(64, min(256, fitting / 64 * 64))
        sliceSize = max(256, min(2048, (vocabulary + 7) / 8))
    }

    var chunkCount: Int { (rows + chunkRows - 1) / chunkRows }
    var sliceCount: Int { (vocabulary + sliceSize - 1) / sliceSize }

    func chunk(_ index: Int) -> Range<Int> { index * chunkRows..<min(rows, (index + 1) * chunkRows) }
    func slice(_ index: Int) -> Range<Int> { index * sliceSize..<min(vocabulary, (index + 1) * sliceSize) }

    /// `logits[count, vocabulary] = features[count, hidden] * weight^T`.
    func logits(
        _ features: UnsafePointer<Float>, count: Int, weight: UnsafePointer<Float>,
        into logits: UnsafeMutablePointer<Float>, on pool: ThreadPool
    ) {
        pool.run(sliceCount) { piece in
            let slice = slice(piece)
            unsafe OpenBLAS.product(
                rows: count, columns: slice.count, depth: hidden,
                a: features, stride: hidden, transposed: false,
                b: weight + slice.lowerBound * hidden, stride: hidden, transposed: true,
                c: logits + slice.lowerBound, stride: vocabulary)
        }
    }

    /// `gradient[count, hidden] = slopes[count, vocabulary] * weight`: a long sum over the vocabulary, taken slice by
    /// slice at once and added in order.
    ///
    /// - Parameter shares: scratch of `sliceCount * chunkRows * hidden` values.
    func featureGradient(
        _ slopes: UnsafePointer<Float>, count: Int, weight: UnsafePointer<Float>,
        shares: UnsafeMutablePointer<Float>, into gradient: UnsafeMutablePointer<Float>, on pool: ThreadPool
    ) {
        let size = count * hidden
        pool.run(sliceCount) { piece in
            let slice = slice(piece)
            unsafe OpenBLAS.product(
                rows: count, columns: hidden, depth: slice.count,
                a: slopes + slice.lowerBound, stride: vocabulary, transposed: false,
                b: weight + slice.lowerBound * hidden, stride: hidden, transposed: false,
                c: piece == 0 ? gradient : shares + (piece - 1) * size, stride: hidden)
        }
        for piece in 1..<max(sliceCount, 1) { unsafe falcon_add(gradient, shares + (piece - 1) * size, size) }
    }

    /// `gradient[vocabulary, hidden] += slopes^T * features`.
    func addWeightGradient(
        _ slopes: UnsafePointer<Float>, count: Int, features: UnsafePointer<Float>,
        to gradient: UnsafeMutablePointer<Float>, on pool: ThreadPool
    ) {
        pool.run(sliceCount) { piece in
            let slice = slice(piece)
            unsafe OpenBLAS.product(
                rows: slice.count, columns: hidden, depth: count,
                a: slopes + slice.lowerBound, stride: vocabulary, transposed: true,
                b: features, stride: hidden, transposed: false,
                beta: 1, c: gradient + slice.lowerBound * hidden, stride: hidden)
        }
    }
}
