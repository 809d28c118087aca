import FalconTensor

/// Keys and values of a target model for one sequence.
///
/// The committed rows are the sequence so far. A pass appends provisional rows behind them (the nodes of a token
/// tree); `commit` keeps those on the accepted path and drops the rest.
///
///     slots    0 ..< committedCount   | committedCount ..< committedCount + provisionalCount |  free
///              the sequence           | rows of the last pass, in the order they were given  |
package final class KeyValueCache {
    /// Positions that fit.
    package let capacity: Int
    /// Positions of the sequence so far.
    package private(set) var committedCount = 0
    /// Rows of the last pass that nobody has committed or dropped.
    package private(set) var provisionalCount = 0
    let layers: [AttentionCache]

    init(layers: [AttentionCache], capacity: Int) {
        self.layers = layers
        self.capacity = capacity
    }

    /// Of the room that it has.
    package var byteCount: Int { layers.reduce(0) { $0 + $1.byteCount } }

    func appendProvisional(_ count: Int) { provisionalCount = count }

    /// Keeps some rows of the last pass, in this order, as the sequence's next positions and drops the others.
    ///
    /// - Parameter path: ascending numbers of rows of the last pass, each the child of the one before.
    package func commit(path: [Int]) {
        for (index, row) in path.enumerated() {
            precondition(
                row >= index && row < provisionalCount && (index == 0 || path[index - 1] < row),
                "committing rows \(path) of \(provisionalCount)")
            for layer in layers { layer.move(from: committedCount + row, to: committedCount + index) }
        }
        committedCount += path.count
        provisionalCount = 0
    }

    /// Forgets all positions from `count` on, and all provisional rows.
    package func truncate(to count: Int) {
        precondition(count >= 0 && count <= committedCount, "truncating \(committedCount) positions to \(count)")
        committedCount = count
        provisionalCount = 0
    }
}
