internal import CFalconKernels

/// The most likely token of each row under a language-model head, without holding the logits.
package enum HeadArgmax {
    /// - Parameters:
    ///   - features: `[rows, hidden]`; more axes fold into rows.
    ///   - headWeight: `[vocabulary, hidden]`.
    /// - Returns: one token for each row, the lowest id on ties; 0 where no logit is a number.
    package static func tokens(_ features: Tensor, headWeight: Tensor, on pool: ThreadPool) -> [Int32] {
        let (rows, hidden, vocabulary) = (features.rowCount, features.width, headWeight.rowCount)
        precondition(
            headWeight.shape == [vocabulary, hidden],
            "a head weight of shape \(headWeight.shape) for features of shape \(features.shape)")
        guard rows > 0 else { return [] }
        let chunks = VocabularyChunks(rows: rows, vocabulary: vocabulary, hidden: hidden, logitSets: 1)
        let slices = chunks.sliceCount
        var bestLogits = [Float](repeating: -.infinity, count: rows * slices)
        var bestTokens = [Int32](repeating: 0, count: rows * slices)
        let (x, w) = unsafe (features.pointer, headWeight.pointer)
        let loops = unsafe TrainingLoops.best
        unsafe bestLogits.withUnsafeMutableBufferPointer { bestLogits in
            unsafe bestTokens.withUnsafeMutableBufferPointer { bestTokens in
                let (values, tokens) = (bestLogits.baseAddress!, bestTokens.baseAddress!)
                pool.run(chunks.chunkCount * slices) { piece in
                    let chunk = chunks.chunk(piece / slices)
                    let slice = chunks.slice(piece % slices)
                    let logits = TensorStorage(uninitialized: chunk.count * slice.count)
                    unsafe OpenBLAS.product(
                        rows: chunk.count, columns: slice.count, depth: hidden,
                        a: x + chunk.lowerBound * hidden, stride: hidden, transposed: false,
                        b: w + slice.lowerBound * hidden, stride: hidden, transposed: true,
                        c: logits.base, stride: slice.count)
                    for row in 0..<chunk.count {
                        let position = (chunk.lowerBound + row) * slices + piece % slices
                        unsafe values[position] = loops.maximum(
                            logits.base + row * slice.count, slice.count, tokens + position)
                        unsafe tokens[position] += Int32(slice.lowerBound)
                    }
                }
            }
        }
        return (0..<rows).map { row in
            var best = row * slices
            for position in best..<best + slices where bestLogits[position] > bestLogits[best] { best = position }
            return bestLogits[best] == -.infinity ? 0 : bestTokens[best]
        }
    }
}
