import FalconAutograd
import FalconTensor

/// Token embeddings: `weight` `[vocabulary, hidden]`.
package struct Embedding {
    package let weight: Parameter

    /// - Parameter isTrainable: `false` for the draft head, which borrows its target's embeddings.
    package init(
        _ scope: ParameterScope, vocabulary: Int, hidden: Int, isTrainable: Bool = true,
        initializer: Initializer = .normal(deviation: 0.02)
    ) {
        weight = scope.parameter("weight", [vocabulary, hidden], initializer, isTrainable: isTrainable)
    }

    /// Embeddings that another model owns; never asked of a state dict, never trained.
    package init(_ scope: ParameterScope, frozen value: Tensor) {
        weight = scope.frozen("weight", value)
    }

    /// The embeddings of a rectangle of tokens.
    ///
    /// - Parameter tokens: `batch` rows of equal length.
    /// - Returns: `[batch, time, hidden]`.
    package func forward(_ tokens: [[Int32]], tape: inout Tape) -> Variable {
        let time = tokens.first?.count ?? 0
        precondition(tokens.allSatisfy { $0.count == time }, "rows of \(tokens.map(\.count)) tokens in one batch")
        let weight = tape.variable(weight)
        let rows = tape.embedding(tokens.flatMap(\.self), weight: weight)
        return tape.reshape(rows, [tokens.count, time, weight.shape[1]])
    }
}
