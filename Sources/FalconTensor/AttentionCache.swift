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
    let valueWidth: Int
    let keys: TensorStorage
    let values: TensorStorage

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

    /// Of keys and values, for all slots.
    package var byteCount: Int { (keys.count + values.count) * MemoryLayout<Float>.size }

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

    /// Rows of one sequence among those of a pass: `count` of them, whose keys and values go to its slots from `slot`
    /// on. The rows of several sequences stand one behind the other.
    package struct SequenceRows {
        package let cache: AttentionCache
        package let slot: Int
        package let count: Int
        /// What each row sees, its own slot included; for attention only.
        package let visible: [Visible]

        /// Rows that leave keys and values, and ask for nothing.
        package init(cache: AttentionCache, slot: Int, count: Int) {
            (self.cache, self.slot, self.count, visible) = (cache, slot, count, [])
        }

        package init(cache: AttentionCache, slot: Int, visible: [Visible]) {
            (self.cache, self.slot, count, self.visible) = (cache, slot, visible.count, visible)
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
        let all = [SequenceRows(cache: self, slot: slot, count: rows.rowCount)]
        AttentionCache.place(&rows, of: all, norm: norm, angles: angles, on: pool)
    }

    /// The same for rows of several sequences, in caches of one layer.
    package static func place(
        _ rows: inout Tensor, of sequences: [SequenceRows], norm: HeadNorm? = nil, angles: RotaryAngles?,
        on pool: ThreadPool
    ) {
        guard let cache = sequences.first?.cache else { return }
        let (headSize, width, rowCount) = (cache.headSize, rows.width, rows.rowCount)
        precondition(
            width == (cache.heads + 2 * cache.keyValueHeads) * headSize,
            "queries, keys and values of shape \(rows.shape)")
        precondition(
            angles.map { $0.cosines.shape == [rowCount, headSize / 2] } ?? true,
            "angles of shape \(angles?.cosines.shape ?? []) for \(rowCount) rows of heads of \(headSize)")
        precondition(
            norm.map { $0.query.count == headSize && $0.key.count == headSize } ?? true,
            "norms of shapes \(norm?.query.shape ?? []) and \(norm?.key.shape ?? []) for heads of \(headSize)")
        let kernel = unsafe falcon_inference()!.pointee.place!
        let base = unsafe rows.mutablePointer()
        // Whole vectors of slots, so that keys are copied across in blocks.
        let group = max(16, 16_384 / width / 16 * 16)
        var placements: [falcon_placement] = unsafe []
        var pieces: [(sequence: Int, first: Int, count: Int)] = []
        var row = 0
        for (number, sequence) in sequences.enumerated() {
            let (cache, slot) = (sequence.cache, sequence.slot)
            precondition(
                slot >= 0 && slot + sequence.count <= cache.capacity && row + sequence.count <= rowCount,
                "slots \(slot)..<\(slot + sequence.count) of \(cache.capacity)")
            let angle = row * headSize / 2
            unsafe placements.append(
                falcon_placement(
                    rows: base + row * width, stride: width, heads: cache.heads, key_value_heads: cache.keyValueHeads,
                    size: headSize, query_norm: norm?.query.pointer, key_norm: norm?.key.pointer,
                    cosines: angles.map { unsafe $0.cosines.pointer + angle },
                    sines: angles.map { unsafe $0.sines.pointer + angle }, epsilon: norm?.epsilon ?? 0,
                    keys: cache.keys.base, values: cache.values.base, capacity: cache.capacity,
                    value_width: cache.valueWidth, slot: slot))
            for first in stride(from: 0, to: sequence.count, by: group) {
                pieces.append((number, first, min(group, sequence.count - first)))
            }
            row += sequence.count
        }
        precondition(row == rowCount, "\(row) rows of sequences, \(rowCount) rows")
        unsafe placements.withUnsafeBufferPointer { placements in
            pool.run(pieces.count) { number in
                let piece = pieces[number]
                unsafe kernel(placements.baseAddress! + piece.sequence, piece.first, piece.count)
            }
        }
        withExtendedLifetime((norm, angles, sequences)) {}
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
        precondition(slots >= visible.count, "\(slots) slots with \(visible.count) rows")
        let rows = SequenceRows(cache: self, slot: slots - visible.count, visible: visible)
        return AttentionCache.attend(queries, of: [rows], on: pool)
    }

    /// The same for rows of several sequences, in caches of one layer, each of which holds keys up to its rows' last.
    package static func attend(_ queries: Tensor, of sequences: [SequenceRows], on pool: ThreadPool) -> Tensor {
        guard let cache = sequences.first?.cache else { return queries }
        let (heads, keyValueHeads, headSize) = (cache.heads, cache.keyValueHeads, cache.headSize)
        let (rows, stride) = (queries.rowCount, queries.width)
        precondition(stride >= heads * headSize, "queries of shape \(queries.shape)")
        guard rows > 0 else { return Tensor(zeros: [0, heads * headSize]) }
        let result = Tensor(uninitialized: [rows, heads * headSize])
        let kernel = unsafe falcon_inference()!.pointee.attend!
        let perHead = heads / keyValueHeads
        var (seen, extra): ([falcon_visible], [Int32]) = ([], [])
        seen.reserveCapacity(rows)
        var parts: [AttentionPart] = []
        var pieceCount = 0
        for sequence in sequences {
            let slots = sequence.slot + sequence.count
            precondition(slots <= sequence.cache.capacity, "\(slots) slots of \(sequence.cache.capacity)")
            let first = seen.count
            var longest = 0
            for row in sequence.visible {
                precondition(
                    row.prefix >= 0 && row.prefix + row.extra.count > 0 && row.prefix + row.extra.count <= slots
                        && row.extra.allSatisfy { $0 >= 0 && $0 < slots }, "a row sees slots outside 0..<\(slots)")
                seen.append(
                    falcon_visible(
                        prefix: Int32(row.prefix), extra_start: Int32(extra.count),
                        extra_count: Int32(row.extra.count), hidden: Int32(sequence.cache.hidden(from: row))))
                extra += row.extra
                longest = max(longest, row.extra.count)
            }
            let cut = Pieces(queries: sequence.count * perHead, heads: keyValueHeads, work: 2 * slots * headSize)
            parts.append(
                AttentionPart(
                    cache: sequence.cache, firstRow: first, slots: slots, longest: longest, cut: cut,
                    firstPiece: pieceCount))
            pieceCount += cut.count
        }
        precondition(seen.count == rows, "\(seen.count) masks for \(queries.shape)")
        // Which sequence a piece belongs to.
        let owners = parts.indices.flatMap { [Int](repeating: $0, count: parts[$0].cut.count) }
        unsafe seen.withUnsafeBufferPointer { seen in
            unsafe extra.withUnsafeBufferPointer { extra in
                pool.run(pieceCount) { piece in
                    let part = parts[owners[piece]]
                    let (cache, slots) = (part.cache, part.slots)
                    let scratch = TensorStorage(
                        uninitialized: Int(FALCON_ATTENTION_BLOCK) * ((slots + 63) / 64 * 64) + part.longest)
                    let (heads, range) = part.cut[piece - part.firstPiece]
                    for head in heads {
                        let column = head * perHead * headSize
                        var attention = unsafe falcon_attention(
                            queries: queries.pointer + part.firstRow * stride + column, query_stride: stride,
                            group: perHead, size: headSize, keys: cache.keys.base + head * cache.capacity * headSize,
                            values: cache.values.base + head * cache.capacity * cache.valueWidth,
                            value_width: cache.valueWidth, slots: slots,
                            visible: seen.baseAddress! + part.firstRow, extra: extra.baseAddress,
                            scale: cache.scale,
                            out: result.storage.base + part.firstRow * result.width + column,
                            out_stride: result.width)
                        unsafe kernel(&attention, range.lowerBound, range.count, scratch.base)
                    }
                }
            }
        }
        return result
    }

    /// One sequence's share of an attention over several.
    private struct AttentionPart {
        let cache: AttentionCache
        let firstRow, slots, longest: Int
        let cut: Pieces
        let firstPiece: Int
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
