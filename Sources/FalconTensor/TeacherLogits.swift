internal import CFalconKernels

/// What the target says at the rows of a batch: its most likely tokens, and its logits as far as they fit a fixed
/// amount of memory, so that glancing and the loss multiply the target's features by the head once for both.
package struct TeacherLogits: Sendable {
    /// The most likely token of each row, the lowest id on ties; 0 where no logit is a number.
    package let tokens: [Int32]
    /// The first rows' logits, `[keptRows, vocabulary]`.
    let kept: TensorStorage
    let keptRows: Int

    /// Bytes of logits that are kept at most.
    package static let mostBytes = 128 << 20

    /// - Parameters:
    ///   - features: the target's, `[rows, hidden]`; more axes fold into rows.
    ///   - mostBytes: keeps so much at most.
    package init(_ features: Tensor, head: VocabularyHead, mostBytes: Int = mostBytes, on pool: ThreadPool) {
        precondition(
            features.width == head.hidden,
            "features of shape \(features.shape) for a head of shape \([head.vocabulary, head.hidden])")
        let (rows, vocabulary) = (features.rowCount, head.vocabulary)
        keptRows = min(rows, mostBytes / (4 * max(vocabulary, 1)))
        kept = TensorStorage(uninitialized: keptRows * vocabulary)
        let first = HeadArgmax.tokens(features, rows: 0..<keptRows, head: head, logits: kept, on: pool)
        let rest = HeadArgmax.tokens(features, rows: keptRows..<rows, head: head, logits: nil, on: pool)
        tokens = first + rest
    }
}
