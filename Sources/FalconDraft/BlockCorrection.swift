import FalconAutograd
import FalconNN
import FalconTensor

/// The correction inside a block, in training form: a row of a block learns which token the rows before it chose.
///
/// A draft pass predicts the features of k positions at once, each without knowing the tokens of the others: what it
/// ranks at an offset is an average over all that might stand before. With g the row that predicts the feature of a
/// position and u the token at that very position,
///
///     g(u) = g + A (silu(B1 g) * B2 E[u])        A [hidden, rank], B1 and B2 [rank, hidden]
///
/// in front of the LM head. It is cheap enough to be done for each candidate u: no weight has the vocabulary's size.
/// What it gives is also the feature that the next pass reads. The first row's u is the newest token, which is known.
///
/// Falcon's own; DSpark adds the like behind the LM head, as a bias of one token on the next.
package struct BlockCorrection {
    /// Of `config.json`.
    static let key = "correction_rank"
    /// B1, B2 and A.
    static let names = (gate: "correction.gate", token: "correction.token", output: "correction.output")

    private let gate: Linear
    private let token: Linear
    private let output: Linear

    /// - Parameters:
    ///   - scope: the head's root.
    ///   - embedding: the target's; its size sets that of a new B2, so that tokens matter from the start.
    init(_ scope: ParameterScope, hidden: Int, rank: Int, embedding: StoredMatrix?) {
        let bound = 1 / Float(hidden).squareRoot()
        let embeddingSize = embedding?.rootMeanSquare(rows: 4096) ?? 1
        gate = Linear(
            scope.scope(BlockCorrection.names.gate), from: hidden, to: rank, initializer: .uniform(bound: bound))
        token = Linear(
            scope.scope(BlockCorrection.names.token), from: hidden, to: rank,
            initializer: .uniform(bound: bound * Float(3.0.squareRoot() / max(embeddingSize, 1e-6))))
        // A new head starts as one without correction.
        output = Linear(
            scope.scope(BlockCorrection.names.output), from: rank, to: hidden, initializer: .zeros)
    }

    /// - Parameters:
    ///   - predicted: g, `[batch, time, hidden]`.
    ///   - own: E[u] of each row's own token, of the same shape.
    func forward(_ predicted: Variable, own: Variable, tape: inout Tape) -> Variable {
        let unit = tape.gatedUnit(gate.forward(predicted, tape: &tape), token.forward(own, tape: &tape))
        return tape.add(predicted, output.forward(unit, tape: &tape))
    }

    /// The tensors' names and shapes.
    static func tensors(hidden: Int, rank: Int) -> [(name: String, shape: [Int])] {
        [
            (names.gate + ".weight", [rank, hidden]), (names.token + ".weight", [rank, hidden]),
            (names.output + ".weight", [hidden, rank]),
        ]
    }

    /// New weights by themselves, for a head that had no correction.
    ///
    /// - Parameter random: as for a new head: each weight draws from a stream of its own name.
    static func fresh(
        hidden: Int, rank: Int, embedding: StoredMatrix?, _ random: RandomSource
    ) throws -> [String: Tensor] {
        let builder = ParameterBuilder(.random(random))
        _ = BlockCorrection(builder.root, hidden: hidden, rank: rank, embedding: embedding)
        return Dictionary(uniqueKeysWithValues: try builder.finish().all.map { ($0.name, $0.value) })
    }

    /// For each position the token at the one that it predicts, as far as a sequence has it: `t_{i+k}`, of tokens one
    /// step ahead.
    package static func ownTokens(_ nextTokens: [[Int32]], blockSize: Int) -> [[Int32]] {
        nextTokens.map { row in row.indices.map { row[min($0 + blockSize - 1, row.count - 1)] } }
    }
}
