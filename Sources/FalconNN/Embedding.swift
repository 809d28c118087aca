import FalconAutograd
import FalconTensor

/// Token embeddings, `[vocabulary, hidden]`.
package struct Embedding {
    private let source: Source

    private enum Source {
        case parameter(Parameter)
        /// Another model's, left where it lies: only the rows that are asked for are read.
        case borrowed(StoredMatrix)
    }

    package init(_ weight: Parameter) { source = .parameter(weight) }

    /// Embeddings that another model owns: no parameter of this network.
    package init(borrowing matrix: StoredMatrix) { source = .borrowed(matrix) }

    /// The embeddings of a rectangle of tokens.
    ///
    /// - Parameter tokens: `batch` rows of equal length.
    /// - Returns: `[batch, time, hidden]`.
    package func forward(_ tokens: [[Int32]], tape: inout Tape) -> Variable {
        let time = tokens.first?.count ?? 0
        precondition(tokens.allSatisfy { $0.count == time }, "rows of \(tokens.map(\.count)) tokens in one batch")
        let rows =
            switch source {
            case .parameter(let weight): tape.embedding(tokens.flatMap(\.self), weight: tape.variable(weight))
            case .borrowed(let matrix): Tape.constant(matrix.gather(tokens.flatMap(\.self), releasesPages: true))
            }
        return tape.reshape(rows, [tokens.count, time, rows.value.width])
    }
}
