internal import CFalconKernels

/// Keys and values of one attention layer for one sequence, for decoding and for verifying token trees.
///
/// Keys lie as `[keyValueHead][headSize][capacity]`, so that scores of 16 neighbours come from one load; values as
/// `[keyValueHead][capacity][headSize]`. The first `committed` slots are the sequence; slots behind them are
/// provisional (nodes of a tree, or blocks of a draft), and each query says which of those it sees.
@safe package final class AttentionCache: @unchecked Sendable {
    package let heads: Int
    package let keyValueHeads: Int
    package let headSize: Int
    /// Slots, a multiple of 64.
    package let capacity: Int
    private let keys: TensorStorage
    private let values: TensorStorage

    /// Makes room for at least `capacity` positions.
    package init(heads: Int, keyValueHeads: Int, headSize: Int, capacity: Int) {
        precondition(keyValueHeads > 0 && heads % keyValueHeads == 0, "\(heads) heads over \(keyValueHeads)")
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headSize = headSize
        self.capacity = (max(1, capacity) + 63) / 64 * 64
        let count = keyValueHeads * headSize * self.capacity
        keys = TensorStorage(uninitialized: count)
        values = TensorStorage(uninitialized: count)
    }

    /// Writes keys and values of new rows into the slots from `slot` on.
    ///
    /// - Parameters:
    ///   - rows: `[rows, stride]` with the keys in columns from `keyColumn`, the values from `valueColumn`.
    package func store(_ rows: Tensor, keyColumn: Int, valueColumn: Int, at slot: Int) {
        let width = keyValueHeads * headSize
        precondition(
            slot >= 0 && slot + rows.rowCount <= capacity, "slots \(slot)..<\(slot + rows.rowCount) of \(capacity)")
        precondition(
            max(keyColumn, valueColumn) + width <= rows.width, "keys and values in rows of shape \(rows.shape)")
        for row in 0..<rows.rowCount {
            let source = unsafe rows.pointer + row * rows.width
            for head in 0..<keyValueHeads {
                let key = unsafe keys.base + head * headSize * capacity + slot + row
                let value = unsafe values.base + (head * capacity + slot + row) * headSize
                for d in 0..<headSize {
                    unsafe key[d * capacity] = source[keyColumn + head * headSize + d]
                    unsafe value[d] = source[valueColumn + head * headSize + d]
                }
            }
        }
    }

    /// Copies the keys and values of one slot to another.
    package func move(from source: Int, to target: Int) {
        precondition(
            max(source, target) < capacity && min(source, target) >= 0, "slot \(source) to \(target) of \(capacity)")
        guard source != target else { return }
        for head in 0..<keyValueHeads {
            let key = unsafe keys.base + head * headSize * capacity
            let value = unsafe values.base + head * capacity * headSize
            for d in 0..<headSize {
                unsafe key[d * capacity + target] = key[d * capacity + source]
                unsafe value[target * headSize + d] = value[source * headSize + d]
            }
        }
    }

    /// What one query row sees: the first `prefix` slots, then the slots `extra` in their logical order.
    package struct Visible: Sendable {
        package let prefix: Int
        package let extra: [Int32]

        package init(prefix: Int, extra: [Int32] = []) {
            self.prefix = prefix
            self.extra = extra
        }
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
        precondition(slots <= capacity, "\(slots) slots of \(capacity)")
        for row in visible {
            precondition(
                row.prefix <= slots && row.prefix + row.extra.count > 0
                    && row.extra.allSatisfy { $0 >= 0 && $0 < slots }, "a row sees slots outside 0..<\(slots)")
        }
        let result = Tensor(uninitialized: [rows, heads * headSize])
        let kernel = unsafe falcon_inference()!.pointee.attend!
        let scale = 1 / Float(headSize).squareRoot()
        let perHead = heads / keyValueHeads
        // One piece for some rows of one key/value head, about 2^17 multiply-adds each.
        let group = max(1, (1 << 17) / max(1, slots * headSize * perHead * 2))
        let groups = (rows + group - 1) / group
        pool.run(groups * keyValueHeads) { piece in
            let head = piece % keyValueHeads
            let scores = TensorStorage(uninitialized: 2 * capacity + 128)
            for row in piece / keyValueHeads * group..<min(rows, (piece / keyValueHeads + 1) * group) {
                let mask = visible[row]
                for query in head * perHead..<(head + 1) * perHead {
                    unsafe mask.extra.withUnsafeBufferPointer { extra in
                        unsafe kernel(
                            queries.pointer + row * stride + query * headSize,
                            keys.base + head * headSize * capacity, values.base + head * capacity * headSize,
                            headSize, capacity, slots, mask.prefix, extra.baseAddress, extra.count, scale,
                            scores.base, result.storage.base + (row * heads + query) * headSize)
                    }
                }
            }
        }
        return result
    }
}
