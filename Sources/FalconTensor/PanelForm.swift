internal import CFalconKernels

/// How packed weights lie in memory, which says how they are multiplied.
enum PanelForm: Hashable {
    case float32, bfloat16, pairs, tiles, quads, int4
    /// The values of a file's blocks in the order in which the loops read them.
    case blocks(BlockType)

    init(_ arithmetic: ProductArithmetic, of matrix: StoredMatrix) {
        switch arithmetic {
        case .bfloat16: self = PanelForm.ofRoundedValues
        case .int8: self = .quads
        case .int4: self = .int4
        case .float32, .stored:
            if arithmetic == .stored, let blocks = matrix.blocks {
                precondition(blocks.canBeMultiplied, "\(blocks.name) has no product of its own")
                self = .blocks(blocks)
            } else {
                // Packing for these never rounds.
                self = matrix.blocks == nil && matrix.type == .bfloat16 ? .bfloat16 : .float32
            }
        }
    }

    /// The form in which a machine's limits count an arithmetic's operations.
    init(peakOf arithmetic: ProductArithmetic) {
        switch arithmetic {
        case .float32: self = .float32
        case .bfloat16: self = PanelForm.ofRoundedValues
        case .int8: self = .quads
        case .int4, .stored: self = .int4
        }
    }

    /// In which order this processor sums products of bfloat16 values best.
    private static var ofRoundedValues: PanelForm { falcon_prefers_tiles() == 0 ? .pairs : .tiles }

    /// The number by which the C loops know the form.
    var code: Int32 {
        switch self {
        case .float32: Int32(FALCON_FLOAT32_PANELS)
        case .bfloat16: Int32(FALCON_BFLOAT16_PANELS)
        case .pairs: Int32(FALCON_PAIR_PANELS)
        case .tiles: Int32(FALCON_TILE_PANELS)
        case .quads: Int32(FALCON_QUAD_PANELS)
        case .int4: Int32(FALCON_INT4_PANELS)
        case .blocks(let type): type.panelCode ?? 0
        }
    }

    /// Whether packing reads a matrix as it is stored; else it takes float32 values.
    func reads(_ matrix: StoredMatrix) -> Bool {
        if case .blocks(let type) = self { return matrix.blocks == type }
        return matrix.blocks == nil && matrix.type != .float16
    }

    /// The most rows that one block of a product takes on this processor.
    var blockRows: Int { unsafe falcon_products()!.pointee.forms[Int(code)].block_rows }

    /// Panels of the widest tile.
    var tilePanels: Int { unsafe falcon_products()!.pointee.forms[Int(code)].tile_panels }
}

extension BlockType {
    /// Whether `stored` arithmetic multiplies with such blocks.
    package var canBeMultiplied: Bool { panelCode != nil }

    fileprivate var panelCode: Int32? {
        switch self {
        case .q4_0: Int32(FALCON_Q4_0_PANELS)
        case .q4_1: Int32(FALCON_Q4_1_PANELS)
        case .q5_0: Int32(FALCON_Q5_0_PANELS)
        case .q5_1: Int32(FALCON_Q5_1_PANELS)
        case .q8_0: Int32(FALCON_Q8_0_PANELS)
        case .q3_K: Int32(FALCON_Q3_K_PANELS)
        case .q4_K: Int32(FALCON_Q4_K_PANELS)
        case .q5_K: Int32(FALCON_Q5_K_PANELS)
        case .q6_K: Int32(FALCON_Q6_K_PANELS)
        case .iq4_nl: Int32(FALCON_IQ4_NL_PANELS)
        case .iq4_xs: Int32(FALCON_IQ4_XS_PANELS)
        case .mxfp4: Int32(FALCON_MXFP4_PANELS)
        case .q2_K, .tq1_0, .tq2_0: nil
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
