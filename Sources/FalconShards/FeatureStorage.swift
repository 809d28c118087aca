import FalconTensor

/// How features are written in a shard.
package enum FeatureStorage: String, Sendable, CaseIterable, Codable {
    case bfloat16, float16, float32
    /// One signed byte a value, with a scale for each token: value = byte * scale.
    case int8

    /// Bytes of one value, without the scale.
    package var size: Int {
        switch self {
        case .float32: 4
        case .float16, .bfloat16: 2
        case .int8: 1
        }
    }

    /// The element type in the file. HDF5 has no bfloat16: its bits are kept as `uint16`.
    var elementType: HDF5ElementType {
        switch self {
        case .float32: .float32
        case .float16: .float16
        case .bfloat16: .uint16
        case .int8: .int8
        }
    }

    /// Narrows features to their stored bytes.
    ///
    /// - Parameter features: `[tokens, hidden]`.
    /// - Throws: `FeatureProblem` where a value is not finite, or not so any more in the narrower type.
    func encode(_ features: Tensor) throws(FeatureProblem) -> EncodedFeatures {
        if let token = features.firstRowNotFinite {
            throw FeatureProblem("its features are not finite", token: token)
        }
        switch self {
        case .float32: return EncodedFeatures(bytes: features.bytes(as: .float32), scales: nil)
        case .bfloat16: return try FeatureStorage.narrow(features, to: .bfloat16, instead: "float32")
        case .float16: return try FeatureStorage.narrow(features, to: .float16, instead: "bfloat16")
        case .int8: return FeatureStorage.quantize(features)
        }
    }

    /// Widens stored bytes again.
    ///
    /// - Parameters:
    ///   - bytes: exactly what `shape` takes; traps otherwise.
    ///   - scales: `[tokens]`, for `int8`.
    ///   - shape: `[tokens, hidden]`.
    func decode(_ bytes: [UInt8], scales: [Float], _ shape: [Int]) -> Tensor {
        switch self {
        case .float32: Tensor(bytes: bytes, as: .float32, shape)
        case .float16: Tensor(bytes: bytes, as: .float16, shape)
        case .bfloat16: Tensor(bytes: bytes, as: .bfloat16, shape)
        case .int8: FeatureStorage.dequantize(bytes, scales, shape)
        }
    }

    private static func narrow(
        _ features: Tensor, to type: ElementType, instead: String
    ) throws(FeatureProblem) -> EncodedFeatures {
        let bytes = features.bytes(as: type)
        if let token = Tensor(bytes: bytes, as: type, features.shape).firstRowNotFinite {
            throw FeatureProblem("a feature is too large for \(type.rawValue); take \(instead)", token: token)
        }
        return EncodedFeatures(bytes: bytes, scales: nil)
    }

    /// Symmetric quantization, row by row: the largest magnitude of a token becomes 127.
    private static func quantize(_ features: Tensor) -> EncodedFeatures {
        let (width, values) = (features.width, features.scalars)
        var bytes = [UInt8](repeating: 0, count: values.count)
        let scales = (0..<features.rowCount).map { row in
            let range = (row * width)..<((row + 1) * width)
            var largest: Float = 0
            for index in range { largest = max(largest, abs(values[index])) }
            // Dividing by the scale, not multiplying by its inverse, which overflows for the tiniest features.
            let scale = largest / 127
            guard scale > 0 else { return Float(0) }
            for index in range {
                let step = min(max((values[index] / scale).rounded(.toNearestOrEven), -127), 127)
                bytes[index] = UInt8(bitPattern: Int8(step))
            }
            return scale
        }
        return EncodedFeatures(bytes: bytes, scales: scales)
    }

    private static func dequantize(_ bytes: [UInt8], _ scales: [Float], _ shape: [Int]) -> Tensor {
        let width = shape.last ?? 1
        var values = [Float](repeating: 0, count: bytes.count)
        for (row, scale) in scales.enumerated() {
            for index in (row * width)..<((row + 1) * width) {
                values[index] = Float(Int8(bitPattern: bytes[index])) * scale
            }
        }
        return Tensor(values, shape)
    }
}

/// Features as they stand in a shard.
struct EncodedFeatures: Sendable {
    let bytes: [UInt8]
    /// One for each token, where the storage has scales.
    let scales: [Float]?
}

/// Why the features of a sequence cannot be stored; the caller knows of which.
package struct FeatureProblem: Error, CustomStringConvertible, Equatable {
    package let description: String
    /// The first token that it is about, from 0.
    package let token: Int

    init(_ description: String, token: Int) { (self.description, self.token) = (description, token) }
}

extension Tensor {
    /// The first row with a value that is infinite or not a number.
    var firstRowNotFinite: Int? {
        guard !isFinite else { return nil }
        return (0..<rowCount).first { index in !row(index).allSatisfy(\.isFinite) }
    }
}
