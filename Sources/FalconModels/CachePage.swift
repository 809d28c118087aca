import FalconTensor

/// Keys and values of 64 neighbouring positions of a sequence, of all layers, copied out of a cache. They are the same
/// bits for every sequence with the same tokens up to their last position.
package struct CachePage: Sendable {
    /// Positions of a page.
    package static let positions = AttentionPage.slots

    let layers: [AttentionPage]

    package var byteCount: Int { layers.reduce(0) { $0 + $1.byteCount } }
}

extension KeyValueCache {
    /// Copies page `index` of the committed positions out: it must be full.
    package func page(_ index: Int) -> CachePage {
        precondition(
            (index + 1) * CachePage.positions <= committedCount, "page \(index) of \(committedCount) positions")
        return CachePage(layers: layers.map { $0.page(index) })
    }

    /// Continues the committed positions, which must fill whole pages, with a page of a sequence with the same tokens.
    package func append(_ page: CachePage) {
        precondition(
            committedCount % CachePage.positions == 0 && page.layers.count == layers.count
                && committedCount + CachePage.positions <= capacity,
            "a page behind \(committedCount) positions in a cache of \(capacity)")
        for (layer, page) in zip(layers, page.layers) {
            layer.restore(page, at: committedCount / CachePage.positions)
        }
        appendProvisional(CachePage.positions)
        commit(path: Array(0..<CachePage.positions))
    }
}
