import FalconTensor

/// Where a batch's sequences draw their random numbers: from one source, one after the other, or each from a source of
/// its own, so that its numbers do not depend on which sequences are beside it.
struct RowSources {
    private var sources: [RandomSource]
    /// Whether all sequences draw from one source.
    let isShared: Bool

    init(shared source: RandomSource) { (sources, isShared) = ([source], true) }

    /// - Parameters:
    ///   - name: what is drawn.
    ///   - ids: the sequences' names: together with the seed, `name` and the epoch they decide everything.
    init(_ name: String, ids: [String], seed: UInt64, epoch: Int) {
        let source = RandomSource(seed: seed).stream(name).stream("epoch \(epoch)")
        (sources, isShared) = (ids.map { source.stream($0) }, false)
    }

    subscript(row: Int) -> RandomSource {
        get { sources[isShared ? 0 : row] }
        set { sources[isShared ? 0 : row] = newValue }
    }

    /// All of them, where each sequence has its own.
    var own: [RandomSource]? { isShared ? nil : sources }
}
