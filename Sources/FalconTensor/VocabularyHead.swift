internal import CFalconKernels

/// A language-model head `[vocabulary, hidden]`, laid out for the products of a loss over its vocabulary.
///
/// It is laid out again for each step, which is little beside its products, and let go before the gradients of the
/// step's parameters come into being: held twice, once for each direction, it is among the largest things in memory.
package struct VocabularyHead: Sendable {
    package let vocabulary, hidden: Int
    /// What its products round both factors to.
    package let precision: ProductPrecision
    private let layout: Layout

    private enum Layout: Sendable {
        case plain(Tensor)
        /// For `logits` and, where it will be asked for, `featureGradient`.
        case rounded(forward: BFloat16Panels, backward: BFloat16Panels?)
    }

    /// - Parameters:
    ///   - weight: `[vocabulary, hidden]`. In bfloat16 nothing of it is widened as a whole.
    ///   - needsGradient: whether features get gradients through it.
    package init(
        _ weight: StoredMatrix, precision: ProductPrecision = .float32, needsGradient: Bool = true, on pool: ThreadPool
    ) {
        (vocabulary, hidden, self.precision) = (weight.rows, weight.columns, precision)
        switch precision {
        case .float32: layout = .plain(weight.tensor())
        case .bfloat16:
            let panels = BFloat16Panels.transposedAndPlain(weight, needsPlain: needsGradient, on: pool)
            layout = .rounded(forward: panels.transposed, backward: panels.plain)
        }
        weight.releasePages()
    }

    /// `logits[count, vocabulary] = features[count, hidden] * weight^T`.
    func logits(
        _ features: UnsafePointer<Float>, count: Int, into logits: UnsafeMutablePointer<Float>, on pool: ThreadPool
    ) {
        switch layout {
        case .rounded(let forward, _):
            unsafe forward.multiply(
                features, stride: hidden, transposed: false, rows: count, beta: 0, into: logits, stride: vocabulary,
                on: pool)
        case .plain(let weight):
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
    }

    /// How many values of scratch `featureGradient` needs for so many rows.
    func shareCount(rows: Int) -> Int {
        if case .plain = layout { max(0, sliceCount - 1) * rows * hidden } else { 0 }
    }

    /// `gradient[count, hidden] = slopes[count, vocabulary] * weight`: a long sum over the vocabulary; in float32 it is
    /// taken slice by slice at once and added in order.
    ///
    /// - Parameter shares: scratch of `shareCount` values.
    func featureGradient(
        _ slopes: UnsafePointer<Float>, count: Int, shares: UnsafeMutablePointer<Float>,
        into gradient: UnsafeMutablePointer<Float>, on pool: ThreadPool
    ) {
        switch layout {
        case .rounded(_, let backward):
            guard let backward else { preconditionFailure("a head that was laid out without gradients") }
            unsafe backward.multiply(
                slopes, stride: vocabulary, transposed: false, rows: count, beta: 0, into: gradient, stride: hidden,
                on: pool)
        case .plain(let weight):
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
    }

    /// `gradient[vocabulary, hidden] += slopes^T * features`.
    func addWeightGradient(
        _ slopes: UnsafePointer<Float>, count: Int, features: UnsafePointer<Float>,
        to gradient: UnsafeMutablePointer<Float>, on pool: ThreadPool
    ) {
        unsafe pool.product(
            rows: vocabulary, columns: hidden, depth: count,
            a: slopes, stride: vocabulary, transposed: true, b: features, stride: hidden, transposed: false,
            beta: 1, c: gradient, stride: hidden, precision: precision)
    }

    // Slices of the vocabulary, side by side on the threads; by the shape alone.
    private var sliceSize: Int { max(256, min(2048, (vocabulary + 7) / 8)) }
    private var sliceCount: Int { (vocabulary + sliceSize - 1) / sliceSize }
    private func slice(_ index: Int) -> Range<Int> { index * sliceSize..<min(vocabulary, (index + 1) * sliceSize) }
}

/// How the rows of a loss over a vocabulary are cut, one chunk after the other, so that `[rows, vocabulary]` never
/// exists; by shapes alone.
struct VocabularyChunks {
    let rows: Int
    /// Rows of one chunk.
    let size: Int

    /// - Parameter logitSets: how many sets of logits a chunk holds at once (student and teacher: 2).
    init(rows: Int, vocabulary: Int, logitSets: Int) {
        self.rows = rows
        // 16 MB of logits at most, but enough rows that reading the weight for each chunk costs little.
        let fitting = (16 << 20) / (4 * logitSets * max(vocabulary, 1))
        size = max(64, min(256, fitting / 64 * 64))
    }

    /// Rows of the largest chunk.
    var capacity: Int { min(size, rows) }
    var count: Int { (rows + size - 1) / size }

    subscript(index: Int) -> Range<Int> { index * size..<min(rows, (index + 1) * size) }
}
