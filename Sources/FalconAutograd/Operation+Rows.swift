import FalconTensor

/// Picking rows: token embeddings, and the positions that count in a loss.
extension Tape {
    /// The embeddings of tokens.
    ///
    /// - Parameters:
    ///   - tokens: ids below the vocabulary's size; traps otherwise.
    ///   - weight: `[vocabulary, hidden]`; a constant when the embedding is frozen.
    /// - Returns: `[tokens.count, hidden]`.
    package mutating func embedding(_ tokens: [Int32], weight: Variable) -> Variable {
        rows(of: weight, at: tokens.map(Int.init))
    }

    /// The rows of a matrix with these numbers (all axes but the last fold into rows): `[indices.count, width]`.
    package mutating func rows(of input: Variable, at indices: [Int]) -> Variable {
        record(
            input.value.rows(at: indices), RowsOperation(inputShape: input.shape, indices: indices), inputs: [input])
    }
}

struct RowsOperation: Operation {
    let inputShape: [Int]
    let indices: [Int]

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        var result = Tensor(zeros: inputShape)
        result.addRows(gradient, at: indices)
        return [result]
    }
}
