import FalconTensor

/// Attention of a sequence on itself.
extension Tape {
    /// softmax(Q K^T / sqrt(head size)) V for each head; what a query sees is `visibility`'s choice.
    ///
    /// - Parameters:
    ///   - queries: `[batch, time, heads * headSize]`, rotated already.
    ///   - keys: `[batch, time, keyValueHeads * headSize]`, rotated already; `values` alike.
    /// - Returns: `[batch, time, heads * headSize]`.
    package mutating func attention(
        queries: Variable, keys: Variable, values: Variable, heads: Int, keyValueHeads: Int, visibility: Visibility
    ) -> Variable {
        let (output, logSumExp) = SequenceAttention.forward(
            queries: queries.value, keys: keys.value, values: values.value, heads: heads,
            keyValueHeads: keyValueHeads, visibility: visibility, on: pool)
        return record(
            output,
            AttentionOperation(
                queries: queries.value, keys: keys.value, values: values.value, output: output, logSumExp: logSumExp,
                heads: heads, keyValueHeads: keyValueHeads, visibility: visibility),
            inputs: [queries, keys, values])
    }
}

struct AttentionOperation: Operation {
    let queries, keys, values, output, logSumExp: Tensor
    let heads, keyValueHeads: Int
    let visibility: Visibility

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        let gradients = SequenceAttention.adjoint(
            gradient, queries: queries, keys: keys, values: values, output: output, logSumExp: logSumExp,
            heads: heads, keyValueHeads: keyValueHeads, visibility: visibility, on: pool)
        return [gradients.queries, gradients.keys, gradients.values]
    }
}
