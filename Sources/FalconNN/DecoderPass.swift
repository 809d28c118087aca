import FalconTensor

/// What all layers of one pass share: who sees whom, and where each row stands.
package struct DecoderPass {
    package let visibility: Visibility
    /// One row for each (batch, time), in that order.
    package let angles: RotaryAngles
    /// Of the queries, where they are not their rows' own; see `NewestPair`.
    package let queryAngles: RotaryAngles?

    /// - Parameters:
    ///   - lengths: the positions of each batch row that are not padding, at least 1; padding stands on the right.
    ///   - time: positions of a row, padding included.
    ///   - blockSize: positions are cut into blocks of this many from position 0, and a position sees all before it
    ///     and its own whole block; 1 is the usual causal mask.
    ///   - table: the rotary frequencies; positions count from 0 in each row.
    ///   - queryPositions: of a batch row's queries, where they are not their rows' own.
    package init(
        lengths: [Int], time: Int, blockSize: Int, table: RotaryTable, queryPositions: [Int]? = nil
    ) {
        precondition(
            lengths.allSatisfy { (1...max(1, time)).contains($0) }, "rows of \(lengths) positions in a batch of \(time)"
        )
        visibility = Visibility(blockSize: blockSize, lengths: lengths)
        angles = table.angles(at: lengths.flatMap { _ in Array(0..<time) })
        queryAngles = queryPositions.map { positions in table.angles(at: lengths.flatMap { _ in positions }) }
    }
}
