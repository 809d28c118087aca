import FalconTensor

/// Rows of one sequence in a pass of the target: its next tokens, or a token tree below its committed positions.
package struct PassRows {
    /// One for each row.
    package let tokens: [Int32]
    /// The row that each row continues, below its own number; -1 where it continues the committed sequence.
    package let parents: [Int]
    package let cache: KeyValueCache

    package init(tokens: [Int32], parents: [Int], cache: KeyValueCache) {
        precondition(tokens.count == parents.count, "\(tokens.count) tokens with \(parents.count) parents")
        precondition(
            cache.committedCount + tokens.count <= cache.capacity,
            "\(tokens.count) rows behind \(cache.committedCount) positions in a cache of \(cache.capacity)")
        (self.tokens, self.parents, self.cache) = (tokens, parents, cache)
    }

    /// The sequence's next tokens, each behind the one before.
    package init(next tokens: [Int32], cache: KeyValueCache) {
        self.init(tokens: tokens, parents: Array(-1..<tokens.count - 1), cache: cache)
    }

    /// What each row sees: the committed sequence, its ancestors and itself.
    func visible() -> [AttentionCache.Visible] {
        let committed = cache.committedCount
        var visible: [AttentionCache.Visible] = []
        visible.reserveCapacity(parents.count)
        for (row, parent) in parents.enumerated() {
            precondition(parent >= -1 && parent < row, "row \(row) continues row \(parent)")
            let above = parent < 0 ? AttentionCache.Visible(prefix: committed) : visible[parent]
            // A row straight behind all that its parent sees needs no list.
            let straight = above.extra.isEmpty && above.prefix == committed + row
            visible.append(
                straight
                    ? AttentionCache.Visible(prefix: above.prefix + 1)
                    : AttentionCache.Visible(prefix: above.prefix, extra: above.extra + [Int32(committed + row)]))
        }
        return visible
    }

    /// The rows' positions: the number of those that each sees, itself left out.
    func positions(visible: [AttentionCache.Visible]) -> [Int] { visible.map { $0.prefix + $0.extra.count - 1 } }
}
