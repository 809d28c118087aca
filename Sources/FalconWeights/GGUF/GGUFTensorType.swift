import FalconTensor

/// How a tensor of a GGUF file is written, by the format's numbers.
enum GGUFTensorType: Sendable, Equatable {
    case plain(StoredType)
    case blocks(BlockType)

    init?(_ number: UInt32) {
        let plain: [UInt32: StoredType] = [
            0: .float32, 1: .float16, 24: .int8, 25: .int16, 26: .int32, 27: .int64, 28: .float64, 30: .bfloat16,
        ]
        if let type = plain[number] {
            self = .plain(type)
        } else if let type = BlockType(rawValue: number) {
            self = .blocks(type)
        } else {
            return nil
        }
    }

    /// Values of one block.
    var valueCount: Int { if case .blocks(let type) = self { type.valueCount } else { 1 } }

    /// Bytes of one block.
    var byteCount: Int {
        switch self {
        case .plain(let type): type.size
        case .blocks(let type): type.byteCount
        }
    }

    /// What a number is called that Falcon does not read.
    static func name(ofUnread number: UInt32) -> String {
        let known: [UInt32: String] = [
            9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S",
            29: "IQ1_M", 40: "NVFP4",
        ]
        let removed: Set<UInt32> = [4, 5, 31, 32, 33, 36, 37, 38]
        return known[number].map { "\($0), which is not supported; convert the model to Q4_K_M or Q8_0" }
            ?? "\(number), which \(removed.contains(number) ? "GGUF has given up" : "is not known")"
    }
}
