internal import CFalconKernels

/// Keys and values of one attention layer for one sequence, for decoding and for verifying token trees.
///
/// Keys lie as `[keyValueHead][capacity / 64][headSize][64]`, so that scores of 16 neighbours come from one load and a
/// block of 64 keys from one stretch of memory; values as `[keyValueHead][capacity][headSize]`, padded to whole
/// vectors. The first `committed` slots are the sequence; slots behind them are provisional (nodes of a tree, or blocks
/// of a draft), and each query says which of those it sees.
///
/// A query's result is the same to the last bit whatever other queries are computed with it and whatever slots its
/// keys lie in: the kernel sums in the keys' logical order.
@safe package final class AttentionCache: @unchecked Sendable {
    package let heads: Int
    package let keyValueHeads: Int
    package let headSize: Int
    /// Slots, a multiple of 64.
    package let capacity: Int
    /// What scores are multiplied by.
    package let scale: Float
    /// How many of the keys that a row may see it does see, the last ones, itself included; `nil`: all of them.
    package let window: Int?
    /// The head size, rounded up to whole vectors.
    private let valueWidth: Int
    private let keys: TensorStorage
    private let values: TensorStorage

    /// Makes room for at least `capacity` positions.
    ///
    /// - Parameters:
    ///   - scale: of scores; `nil` for `1 / sqrt(headSize)`.
    ///   - window: of a layer with sliding attention.
    package init(
        heads: Int, keyValueHeads: Int, headSize: Int, capacity: Int, scale: Float? = nil, window: Int? = nil
    ) {
        precondition(keyValueHeads > 0 && heads % keyValueHeads == 0, "\(heads) heads over \(keyValueHeads)")
        precondition(window.map { $0 > 0 } ?? true, "a window of \(window ?? 0)")
        self.scale = scale ?? 1 / Float(headSize).squareRoot()
        self.window = window
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headSize = headSize
        self.capacity = (max(1, capacity) + 63) / 64 * 64
        valueWidth = (headSize + 15) / 16 * 16
        keys = TensorStorage(uninitialized: keyValueHeads * self.capacity * headSize)
        values = TensorStorage(uninitialized: keyValueHeads * self.capacity * valueWidth)
    }

    /// Normalisation of each head of queries and keys (Qwen3).
    package struct HeadNorm: Sendable {
        /// `[headSize]` each.
        package let query: Tensor
        package let key: Tensor
        package let epsilon: Float

        package init(query: Tensor, key: Tensor, epsilon: Float) {
            (self.query, self.key, self.epsilon) = (query, key, epsilon)
        }
    }

    /// Makes projected rows ready for attention: normalises the heads of queries and keys, turns them to their
    /// positions, and copies keys and values into the slots from `slot` on.
    ///
    /// - Parameters:
    ///   - rows: `[rows, (heads + 2 * keyValueHeads) * headSize]`, queries, keys and values side by side; queries and
    ///     keys are changed in place.
    ///   - angles: of the rows' positions; `nil` turns nothing.
    package func place(
        _ rows: inout Tensor, norm: HeadNorm? = nil, angles: RotaryAngles?, at slot: Int, on pool: ThreadPool
    ) {
        precondition(
            slot >= 0 && slot + rows.rowCount <= capacity, "slots \(slot)..<\(slot + rows.rowCount) of \(capacity)")
        precondition(
            rows.width == (heads + 2 * keyValueHeads) * headSize, "queries, keys and values of shape \(rows.shape)")
        precondition(
            angles.map { $0.cosines.shape == [rows.rowCount, headSize / 2] } ?? true,
            "angles of shape \(angles?.cosines.shape ?? []) for \(rows.rowCount) rows of heads of \(headSize)")
        precondition(
            norm.map { $0.query.count == headSize && $0.key.count == headSize } ?? true,
            "norms of shapes \(norm?.query.shape ?? []) and \(norm?.key.shape ?? []) for heads of \(headSize)")
        let (count, width) = (rows.rowCount, rows.width)
        let kernel = unsafe falcon_inference()!.pointee.place!
        let placement = unsafe falcon_placement(
            rows: rows.mutablePointer(), stride: width, heads: heads, key_value_heads: keyValueHeads, size: headSize,
            query_norm: norm?.query.pointer, key_norm: norm?.key.pointer, cosines: angles?.cosines.pointer,
            sines: angles?.sines.pointer, epsilon: norm?.epsilon ?? 0, keys: keys.base, values: values.base,
            capacity: capacity, value_width: valueWidth, slot: slot)
        // Whole vectors of slots, so that keys are copied across in blocks.
        let group = max(16, 16_384 / width / 16 * 16)
        pool.run((count + group - 1) / group) { piece in
            let first = piece * group
            unsafe withUnsafePointer(to: placement) { unsafe kernel($0, first, min(group, count - first)) }
        }
        withExtendedLifetime((norm, angles)) {}
    }

    /// Copies the keys and values of one slot to another.
    package func move(from source: Int, to target: Int) {
        precondition(
            max(source, target) < capacity && min(source, target) >= 0, "slot \(source) to \(target) of \(capacity)")
        guard source != target else { return }
        for head in 0..<keyValueHeads {
            let key = unsafe keys.base + head * capacity * headSize
            let (from, to) = (keyOffset(source), keyOffset(target))
            for d in 0..<headSize { unsafe key[to + d * 64] = key[from + d * 64] }
            let value = unsafe values.base + head * capacity * valueWidth
            unsafe (value + target * valueWidth).update(from: value + source * valueWidth, count: valueWidth)
        }
    }

    /// Where the first dimension of a slot's key lies among those of its head.
    private func keyOffset(_ slot: Int) -> Int { slot / 64 * 64 * headSize + slot % 64 }

    /// What one query row sees: the first `prefix` slots, then the slots `extra` in their logical order.
    package struct Visible: Sendable {
        package let prefix: Int
        package let extra: [Int32]

        package init(prefix: Int, extra: [Int32] = []) {
            self.prefix = prefix
            self.extra = extra
        }
    }

    /// How many of the keys of a row lie outside the window that ends with its last.
    private func hidden(from row: Visible) -> Int {
        guard let window else { return 0 }
        return max(0, row.prefix + row.extra.count - window)
    }

    /// Scaled dot-product attention of each row over the slots it sees (Vaswani et al. 2017), with grouped heads.
    ///
    /// - Parameters:
    ///   - queries: `[rows, stride]` with the queries in the first `heads * headSize` columns.
    ///   - slots: how many slots hold keys; every visible slot lies below.
    /// - Returns: `[rows, heads * headSize]`.
    package func attend(_ queries: Tensor, visible: [Visible], slots: Int, on pool: ThreadPool) -> Tensor {
        let (rows, stride) = (queries.rowCount, queries.width)
        precondition(visible.count == rows && stride >= heads * headSize, "\(visible.count) masks for \(queries.shape)")
        precondition(slots >= 0 && slots <= capacity, "\(slots) slots of \(capacity)")
        guard rows > 0 else { return Tensor(zeros: [0, heads * headSize]) }
        var (seen, extra): ([falcon_visible], [Int32]) = ([], [])
        seen.reserveCapacity(rows)
        for row in visible {
            precondition(
                row.prefix >= 0 && row.prefix + row.extra.count > 0 && row.prefix + row.extra.count <= slots
                    && row.extra.allSatisfy { $0 >= 0 && $0 < slots }, "a row sees slots outside 0..<\(slots)")
            seen.append(
                falcon_visible(
                    prefix: Int32(row.prefix), extra_start: Int32(extra.count), extra_count: Int32(row.extra.count),
                    hidden: Int32(hidden(from: row))))
            extra += row.extra
        }
        let longest = visible.reduce(0) { max($0, $1.extra.count) }
        let result = Tensor(uninitialized: [rows, heads * headSize])
        let kernel = unsafe falcon_inference()!.pointee.attend!
        let perHead = heads / keyValueHeads
        let cut = Pieces(queries: rows * perHead, heads: keyValueHeads, work: 2 * slots * headSize)
        unsafe seen.withUnsafeBufferPointer { seen in
            unsafe extra.withUnsafeBufferPointer { extra in
                pool.run(cut.count) { piece in
                    let scratch = TensorStorage(
                        uninitialized: Int(FALCON_ATTENTION_BLOCK) * ((slots + 63) / 64 * 64) + longest)
                    let (heads, range) = cut[piece]
                    for head in heads {
                        let column = head * perHead * headSize
                        var attention = unsafe falcon_attention(
                            queries: queries.pointer + column, query_stride: stride, group: perHead, size: headSize,
                            keys: keys.base + head * capacity * headSize,
                            values: values.base + head * capacity * valueWidth, value_width: valueWidth, slots: slots,
                            visible: seen.baseAddress!, extra: extra.baseAddress,
                            scale: scale, out: result.storage.base + column,
                            out_stride: result.width)
                        unsafe kernel(&attention, range.lowerBound, range.count, scratch.base)
                    }
                }
            }
        }
        return result
    }

    /// How attention is cut into pieces: by queries of a key-value head where there are many, by heads where there are
    /// few.
    private struct Pieces {
        private let queries, heads, queriesInPiece, headsInPiece: Int

        /// - Parameters:
        ///   - queries: rows times query heads of one key-value head.
        ///   - work: multiply-adds of one query.
        init(queries: Int, heads: Int, work: Int) {
            (self.queries, self.heads) = (queries, heads)
            // About 2^16 multiply-adds, which take some two microseconds: below that, a thread's attention costs more.
            let wanted = max(1, (1 << 16) / max(1, work))
            let block = queries >= 4 * Int(FALCON_ATTENTION_BLOCK) ? Int(FALCON_ATTENTION_BLOCK) : 4
            queriesInPiece = (wanted + block - 1) / block * block
            headsInPiece = min(heads, max(1, wanted / max(1, queries)))
        }

        private var queryPieces: Int { (queries + queriesInPiece - 1) / queriesInPiece }
        var count: Int { queryPieces * ((heads + headsInPiece - 1) / headsInPiece) }

        /// The last queries, which see most, come first, so that no thread is left with a long piece at the end.
        subscript(piece: Int) -> (heads: Range<Int>, queries: Range<Int>) {
            let first = (queryPieces - 1 - piece % queryPieces) * queriesInPiece
            let head = piece / queryPieces * headsInPiece
            return (
                head..<min(heads, head + headsInPiece), first..<min(queries, first + queriesInPiece)
            )
        }
    }
}
