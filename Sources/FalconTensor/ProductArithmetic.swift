internal import CFalconKernels

/// How inference multiplies rows of activations by weights. Everything else (the residual stream, norms, attention)
/// is float32 always, and sums of products are float32 or exact.
///
/// Each is batch-invariant: a row's result is the same to the last bit however many rows are beside it. Between two
/// of them results differ.
package enum ProductArithmetic: String, Sendable, CaseIterable, Codable {
    /// Weights as they were stored, rows as they are: one chain of fused multiply-adds for each output.
    case float32
    /// Weights and rows rounded to bfloat16: float32 sums over pairs, about twice as fast where the processor has dot
    /// products of bfloat16.
    case bfloat16
    /// Weights and rows rounded to 8 bits in groups of 64 with a scale each, weights when they are packed and rows
    /// before each product: half the memory of bfloat16. Sums of a group are exact.
    case int8
}

/// How packed weights lie in memory, which says how they are multiplied.
enum PanelForm {
    case float32, bfloat16, pairs, quads

    /// - Parameter types: of the stored parts. Packing for `float32` never rounds.
    init(_ arithmetic: ProductArithmetic, storedAs types: [ElementType]) {
        switch arithmetic {
        case .float32: self = types.allSatisfy { $0 == .bfloat16 } ? .bfloat16 : .float32
        case .bfloat16: self = .pairs
        case .int8: self = .quads
        }
    }

    /// The number by which the C loops know the form.
    var code: Int32 {
        switch self {
        case .float32: Int32(FALCON_FLOAT32_PANELS)
        case .bfloat16: Int32(FALCON_BFLOAT16_PANELS)
        case .pairs: Int32(FALCON_PAIR_PANELS)
        case .quads: Int32(FALCON_QUAD_PANELS)
        }
    }
}

extension ElementType {
    /// The number by which the C loops know the type.
    var kernelCode: Int32 {
        switch self {
        case .float32: Int32(FALCON_FLOAT32)
        case .float16: Int32(FALCON_FLOAT16)
        case .bfloat16: Int32(FALCON_BFLOAT16)
        }
    }
}
