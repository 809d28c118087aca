import FalconTensor

/// The relaxed causal mask of a draft head as text.
package enum MaskDrawing {
    /// A row for each position with a mark for each position that it sees: `■` in blocks before its own, `▣` in its
    /// own block, `·` where it does not see.
    ///
    /// ```
    /// 0  ▣▣····
    /// 1  ▣▣····
    /// 2  ■■▣▣··
    /// ```
    ///
    /// - Parameters:
    ///   - blockSize: k.
    ///   - length: positions.
    ///   - labels: what to write behind each row, e.g. its token.
    package static func lines(blockSize: Int, length: Int, labels: [String] = []) -> [String] {
        let mask = Visibility(blockSize: blockSize)
        let width = String(max(length - 1, 0)).count
        return (0..<length).map { position in
            let visible = mask.count(at: position, row: 0, time: length)
            let own = position / blockSize * blockSize
            let marks = (0..<length).map { $0 >= visible ? "·" : $0 >= own ? "▣" : "■" }.joined()
            let number = String(position)
            let label = labels.indices.contains(position) ? "  " + labels[position] : ""
            return String(repeating: " ", count: width - number.count) + number + "  " + marks + label
        }
    }
}
