import FalconTensor

/// The newest pair in every row of a block: a head whose rows all start from what the block's last position knows.
///
/// In the paper's head the row that predicts the next token has the *oldest* pair of its block, k - 1 steps back, in
/// its residual, and gets the newest token through attention's values alone. Here, with u the fused inputs and b(i)
/// the last position of i's block,
///
///     x_i = u_{b(i)} + offsets[i mod k]     residual and queries, at the position b(i) + (i mod k)
///     u_i                                   keys and values, at the position i
///
/// so that the first row of a block is EAGLE-1's, and for k = 1 and one layer nothing changes but for one learned
/// vector. Falcon's own. Keys and values of all layers are of the fused inputs, which do not depend on where blocks
/// begin: a sequence needs one cache a layer.
enum NewestPair {
    /// `[k, hidden]`, 0 in a new head.
    static let name = "offsets"
    /// Of `config.json`.
    static let key = "newest_pair"

    /// For each of `time` positions the last one of its block; that of a block which is cut off is the last of all.
    static func ends(time: Int, blockSize: Int) -> [Int] {
        (0..<time).map { min($0 / blockSize * blockSize + blockSize - 1, time - 1) }
    }

    /// Where each position's query stands.
    static func queryPositions(time: Int, blockSize: Int) -> [Int] {
        (0..<time).map { $0 / blockSize * blockSize + blockSize - 1 + $0 % blockSize }
    }

    /// The rows that start from one position: its fused input below each of the offset vectors.
    static func rows(of newest: Tensor, offsets: Tensor) -> Tensor {
        let (size, width) = (offsets.rowCount, offsets.width)
        var rows = newest.rows((0..<newest.rowCount).flatMap { [Int](repeating: $0, count: size) })
        rows.add(offsets.rows((0..<newest.rowCount).flatMap { _ in Array(0..<size) }))
        return rows.reshaped([newest.rowCount * size, width])
    }
}
