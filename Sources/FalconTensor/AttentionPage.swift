/// The keys and values of 64 neighbouring slots of one layer, copied out of a cache.
package struct AttentionPage: Sendable {
    /// Slots of a page.
    package static let slots = 64

    let storage: TensorStorage

    package var byteCount: Int { storage.count * MemoryLayout<Float>.stride }
}

extension AttentionCache {
    /// Copies page `index` out: slots `64 * index ..< 64 * index + 64`.
    package func page(_ index: Int) -> AttentionPage {
        let storage = TensorStorage(uninitialized: keyValueHeads * AttentionPage.slots * (headSize + valueWidth))
        unsafe forEachStretch(of: index) { stretch, offset, count in
            unsafe (storage.base + offset).update(from: stretch, count: count)
        }
        return AttentionPage(storage: storage)
    }

    /// Copies a page of a cache of the same layer into the slots of page `index`.
    package func restore(_ page: AttentionPage, at index: Int) {
        precondition(
            page.storage.count == keyValueHeads * AttentionPage.slots * (headSize + valueWidth),
            "a page of \(page.storage.count) values")
        unsafe forEachStretch(of: index) { stretch, offset, count in
            unsafe stretch.update(from: page.storage.base + offset, count: count)
        }
    }

    /// Calls `body` for each stretch of memory that a page takes here, with its place in the page.
    private func forEachStretch(
        of index: Int, _ body: (_ stretch: UnsafeMutablePointer<Float>, _ offset: Int, _ count: Int) -> Void
    ) {
        let slot = index * AttentionPage.slots
        precondition(index >= 0 && slot + AttentionPage.slots <= capacity, "page \(index) of \(capacity) slots")
        let (keyCount, valueCount) = (AttentionPage.slots * headSize, AttentionPage.slots * valueWidth)
        for head in 0..<keyValueHeads {
            let first = head * capacity + slot
            unsafe body(keys.base + first * headSize, head * keyCount, keyCount)
            unsafe body(
                values.base + first * valueWidth, keyValueHeads * keyCount + head * valueCount, valueCount)
        }
    }
}
