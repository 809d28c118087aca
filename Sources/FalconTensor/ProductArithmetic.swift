/// How inference multiplies rows of activations by weights. Everything else (the residual stream, norms, attention)
/// is float32 always, and sums of products are float32 or exact.
///
/// Each is batch-invariant: a row's result is the same to the last bit however many rows are beside it. Between two
/// of them results differ.
package enum ProductArithmetic: String, Sendable, CaseIterable, Codable {
    /// Weights as they were stored, rows as they are: one chain of fused multiply-adds for each output.
    case float32
    /// Weights and rows rounded to bfloat16, float32 sums. In the tile registers of Intel's AMX 16 rows take hardly
    /// longer than one; their order of rounding is another than that of processors without them.
    case bfloat16
    /// Weights and rows rounded to 8 bits in groups of 64 with a scale each, weights when they are packed and rows
    /// before each product: half the memory of bfloat16. Sums of a group are exact.
    case int8
    /// Weights rounded to 4 bits in groups of 32 with a scale and a minimum each when they are packed, 5 bits a weight
    /// altogether; rows rounded to 8 bits in groups of 32.
    case int4
    /// Weights in a quantised file's own blocks, nothing of them rounded again, by rows as for `int4`.
    /// Matrices that are stored as numbers are multiplied as in `float32`.
    case stored
}
