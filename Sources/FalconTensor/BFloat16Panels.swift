internal import CFalconKernels

/// How the operands of a large product are rounded before they are multiplied. Sums are float32 always.
package enum ProductPrecision: String, Sendable, CaseIterable, Codable {
    /// As they are.
    case float32
    /// To bfloat16, 8 bits of fraction: about twice as fast where the processor has dot products of bfloat16, and the
    /// same numbers but for the order of rounding, without gain, where it has not.
    case bfloat16
}

/// The right operand of a product, rounded to bfloat16 and laid out in the order in which the product reads it:
///
///     for each block of the depth, for each panel of columns: [pairs of the block][columns of the panel]
///
/// Laid out once, it serves any number of products.
struct BFloat16Panels: Sendable {
    let columns, depth: Int
    private let storage: TensorStorage
    /// Columns of a panel.
    private let panel: Int

    /// Values of the depth in one block: a panel's part of it stays in the second-level cache, a row block's in the
    /// first. Whole panels of every variant, so that a panel of a matrix's rows lies in one block of its depth; not
    /// 1,024, for rows of a left operand that are a power of two apart take each other's places there.
    private static let blockDepth = 960
    /// Row blocks of one piece of work.
    private static let blocksTogether = 16

    private var panelCount: Int { (columns + panel - 1) / panel }
    private var depthBlocks: Int { (depth + BFloat16Panels.blockDepth - 1) / BFloat16Panels.blockDepth }

    /// The values of the depth in block `index`, and the pairs before it and in it.
    private func block(_ index: Int) -> (start: Int, count: Int, pairsBefore: Int, pairs: Int) {
        let start = index * BFloat16Panels.blockDepth
        let count = min(BFloat16Panels.blockDepth, depth - start)
        return (start, count, start / 2, (count + 1) / 2)
    }

    /// - Parameters:
    ///   - source: `[depth, columns]`, or `[columns, depth]` where `transposed`.
    ///   - stride: between its rows.
    init(
        _ source: UnsafePointer<Float>, stride: Int, transposed: Bool, columns: Int, depth: Int, on pool: ThreadPool
    ) {
        self.init(columns: columns, depth: depth)
        let loops = unsafe TrainingLoops.best
        let blocks = depthBlocks
        pool.run(blocks * panelCount) { [self] piece in
            let (start, count, pairsBefore, pairs) = block(piece / panelCount)
            let first = piece % panelCount * panel
            unsafe loops.pack_pairs(
                source + (transposed ? first * stride + start : start * stride + first), stride, transposed ? 1 : 0,
                min(panel, columns - first), panel, count,
                storage.words + (pairsBefore * panelCount + piece % panelCount * pairs) * panel)
        }
    }

    /// A stored matrix for products with both sides of it: transposed, so that its rows are the columns, and as it is,
    /// so that they are the depth. It is read once, widened and rounded a panel of rows at a time; a mapped one's
    /// pages are let go at once.
    ///
    /// - Parameter needsPlain: whether the second is wanted.
    static func transposedAndPlain(
        _ matrix: StoredMatrix, needsPlain: Bool, on pool: ThreadPool
    ) -> (transposed: BFloat16Panels, plain: BFloat16Panels?) {
        let width = matrix.columns
        let transposed = BFloat16Panels(columns: matrix.rows, depth: width)
        let plain = needsPlain ? BFloat16Panels(columns: width, depth: matrix.rows) : nil
        pool.run(transposed.panelCount) { index in
            let first = index * transposed.panel
            let rows = first..<min(first + transposed.panel, matrix.rows)
            let values = TensorStorage(uninitialized: rows.count * width)
            unsafe matrix.widen(rows, into: values.base)
            unsafe transposed.pack(panelAt: index, transposed: values.base)
            unsafe plain?.pack(depth: rows, plain: values.base)
            matrix.rows(rows).releasePages()
        }
        return (transposed, plain)
    }

    /// Lays out one panel from its columns, `[columns of the panel, depth]`.
    private func pack(panelAt index: Int, transposed values: UnsafePointer<Float>) {
        let loops = unsafe TrainingLoops.best
        for number in 0..<depthBlocks {
            let (start, count, pairsBefore, pairs) = block(number)
            unsafe loops.pack_pairs(
                values + start, depth, 1, min(panel, columns - index * panel), panel, count,
                storage.words + (pairsBefore * panelCount + index * pairs) * panel)
        }
    }

    /// Lays out a part of the depth that lies in one block and starts at an even value, from `[depth, columns]`.
    private func pack(depth part: Range<Int>, plain values: UnsafePointer<Float>) {
        let loops = unsafe TrainingLoops.best
        let (start, count, pairsBefore, pairs) = block(part.lowerBound / BFloat16Panels.blockDepth)
        precondition(part.upperBound <= start + count, "rows \(part) lie in more than one block of the depth")
        for number in 0..<panelCount {
            let column = number * panel
            unsafe loops.pack_pairs(
                values + column, columns, 0, min(panel, columns - column), panel, part.count,
                storage.words + (pairsBefore * panelCount + number * pairs + (part.lowerBound - start) / 2) * panel)
        }
    }

    private init(columns: Int, depth: Int) {
        (self.columns, self.depth) = (columns, depth)
        let panel = unsafe TrainingLoops.best.product_panel
        self.panel = panel
        storage = TensorStorage(uninitialized: (columns + panel - 1) / panel * panel * ((depth + 1) / 2))
    }

    /// `c[rows, columns] = op(a)[rows, depth] * panels + beta * c`; cut by shape alone.
    func multiply(
        _ a: UnsafePointer<Float>, stride: Int, transposed: Bool, rows: Int, beta: Float,
        into c: UnsafeMutablePointer<Float>, stride cStride: Int, on pool: ThreadPool
    ) {
        let loops = unsafe TrainingLoops.best
        let groupRows = unsafe BFloat16Panels.blocksTogether * loops.product_rows
        let groups = (rows + groupRows - 1) / groupRows
        let left = TensorStorage(uninitialized: rows * ((depth + 1) / 2))
        // Left: for each block of the depth: [rows][pairs].
        pool.run(depthBlocks * groups) { piece in
            let (start, count, pairsBefore, pairs) = block(piece / groups)
            let row = piece % groups * groupRows
            unsafe loops.pack_rows(
                a + (transposed ? start * stride + row : row * stride + start), stride, transposed ? 0 : 1,
                min(groupRows, rows - row), count, left.words + pairsBefore * rows + row * pairs)
        }
        pool.run(panelCount * groups) { piece in
            let (column, row) = (piece / groups * panel, piece % groups * groupRows)
            for index in 0..<depthBlocks {
                let (_, _, pairsBefore, pairs) = block(index)
                unsafe loops.multiply_pairs(
                    left.words + pairsBefore * rows + row * pairs, min(groupRows, rows - row),
                    storage.words + (pairsBefore * panelCount * panel + column * pairs), pairs,
                    c + row * cStride + column, cStride, min(panel, columns - column), index == 0 ? beta : 1)
            }
        }
    }
}

extension TensorStorage {
    /// The same memory as 32-bit words: two bfloat16 values each.
    var words: UnsafeMutablePointer<UInt32> {
        unsafe UnsafeMutableRawPointer(base).assumingMemoryBound(to: UInt32.self)
    }
}
