internal import CFalconKernels

/// The most likely token of each row under a language-model head; `[rows, vocabulary]` never exists.
package enum HeadArgmax {
    /// - Parameters:
    ///   - features: `[rows, hidden]`; more axes fold into rows.
    ///   - headWeight: `[vocabulary, hidden]`.
    ///   - precision: of the product with the head weight.
    /// - Returns: one token for each row, the lowest id on ties; 0 where no logit is a number.
    package static func tokens(
        _ features: Tensor, headWeight: Tensor, precision: ProductPrecision = .float32, on pool: ThreadPool
    ) -> [Int32] {
        let (rows, hidden, vocabulary) = (features.rowCount, features.width, headWeight.rowCount)
        precondition(
            headWeight.shape == [vocabulary, hidden],
            "a head weight of shape \(headWeight.shape) for features of shape \(features.shape)")
        let chunks = VocabularyChunks(
            rows: rows, weight: headWeight, logitSets: 1, needsGradient: false, precision: precision, on: pool)
        let logits = TensorStorage(uninitialized: min(chunks.chunkRows, rows) * vocabulary)
        var tokens = [Int32](repeating: 0, count: rows)
        let x = unsafe features.pointer
        let loops = unsafe TrainingLoops.best
        for index in 0..<chunks.chunkCount {
            let chunk = chunks.chunk(index)
            unsafe chunks.logits(x + chunk.lowerBound * hidden, count: chunk.count, into: logits.base, on: pool)
            unsafe tokens.withUnsafeMutableBufferPointer { tokens in
                let results = unsafe tokens.baseAddress! + chunk.lowerBound
                pool.run(chunk.count) { row in
                    _ = unsafe loops.maximum(logits.base + row * vocabulary, vocabulary, results + row)
                }
            }
        }
        return tokens
    }
}
