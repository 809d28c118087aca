import FalconModels
import FalconTensor
import FalconWeights

/// The correction inside a block in drafting form (see `BlockCorrection`).
struct PackedCorrection: Sendable {
    private let gate: PackedMatrix
    private let token: PackedMatrix
    private let output: PackedMatrix

    /// - Throws: `FileError` where a tensor is missing or has another shape.
    init(_ weights: LayerWeights, hidden: Int, rank: Int, arithmetic: ProductArithmetic, on pool: ThreadPool) throws {
        func packed(_ name: String, rows: Int, columns: Int) throws -> PackedMatrix {
            PackedMatrix(
                [try weights.matrix(name + ".weight", rows: rows, columns: columns)], arithmetic: arithmetic, on: pool)
        }
        gate = try packed(BlockCorrection.names.gate, rows: rank, columns: hidden)
        token = try packed(BlockCorrection.names.token, rows: rank, columns: hidden)
        output = try packed(BlockCorrection.names.output, rows: hidden, columns: rank)
    }

    var byteCount: Int { gate.byteCount + token.byteCount + output.byteCount }

    /// What is added to each row.
    ///
    /// - Parameters:
    ///   - features: g, `[rows, hidden]`.
    ///   - own: E[u] of each row's own token, of the same shape.
    func difference(_ features: Tensor, own: Tensor, on pool: ThreadPool) -> Tensor {
        let unit = Tensor.sideBySide(gate.multiply(features, on: pool), token.multiply(own, on: pool))
        return output.multiply(unit.gatedUnit(on: pool), on: pool)
    }
}
