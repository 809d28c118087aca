internal import CFalconKernels

/// The most likely token of each row under a language-model head; `[rows, vocabulary]` never exists.
package enum HeadArgmax {
    /// - Parameter features: `[rows, hidden]`; more axes fold into rows.
    /// - Returns: one token for each row, the lowest id on ties; 0 where no logit is a number.
    package static func tokens(_ features: Tensor, head: VocabularyHead, on pool: ThreadPool) -> [Int32] {
        tokens(features, rows: 0..<features.rowCount, head: head, logits: nil, on: pool)
    }

    /// The same for some of the rows.
    ///
    /// - Parameter kept: where all their logits go, `[rows.count, vocabulary]`, if they are wanted.
    static func tokens(
        _ features: Tensor, rows: Range<Int>, head: VocabularyHead, logits kept: TensorStorage?, on pool: ThreadPool
    ) -> [Int32] {
        let (hidden, vocabulary) = (head.hidden, head.vocabulary)
        precondition(
            features.width == hidden,
            "a head of shape \([vocabulary, hidden]) for features of shape \(features.shape)")
        let chunks = VocabularyChunks(rows: rows.count, vocabulary: vocabulary, logitSets: 1)
        let scratch = TensorStorage(uninitialized: kept == nil ? chunks.capacity * vocabulary : 0)
        var tokens = [Int32](repeating: 0, count: rows.count)
        let x = unsafe features.pointer + rows.lowerBound * hidden
        let loops = unsafe TrainingLoops.best
        for index in 0..<chunks.count {
            let chunk = chunks[index]
            let logits = unsafe kept.map { unsafe $0.base + chunk.lowerBound * vocabulary } ?? scratch.base
            unsafe head.logits(x + chunk.lowerBound * hidden, count: chunk.count, into: logits, on: pool)
            unsafe tokens.withUnsafeMutableBufferPointer { tokens in
                let results = unsafe tokens.baseAddress! + chunk.lowerBound
                pool.run(chunk.count) { row in
                    _ = unsafe loops.maximum(logits + row * vocabulary, vocabulary, results + row)
                }
            }
        }
        return tokens
    }
}
