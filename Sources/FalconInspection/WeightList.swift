import FalconTensor
import FalconWeights

/// The tensors of a weight file, whatever its format: a safetensors, PyTorch or GGUF file, an index, or a
/// folder with one.
package struct WeightList: Sendable, Encodable {
    package struct Entry: Sendable, Encodable {
        package let name: String
        package let dtype: String
        package let shape: [Int]
    }

    package let path: String
    /// Sorted by name.
    package let tensors: [Entry]
    private let weights: WeightFolder

    /// - Throws: `FileError` where a file is missing, damaged, or holds what is no tensor.
    package init(path: String) throws {
        self.path = path
        let weights = try WeightFolder(path: path, keepsNames: true)
        self.weights = weights
        tensors = weights.names.compactMap { weights.stored($0) }.map {
            Entry(name: $0.name, dtype: $0.encoding, shape: $0.shape)
        }
    }

    /// The report for people.
    package var lines: [String] {
        let values = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
        return FactTable.lines(tensors.map { ($0.name, "\($0.dtype) \($0.shape)") })
            + ["\(counted(tensors.count, "tensor")), \(counted(values, "value"))"]
    }

    /// Writes all tensors to a safetensors file: real numbers as float32, whole ones as int64.
    ///
    /// - Throws: `FileError` where a tensor cannot be read or the file cannot be written.
    package func dump(to output: String) throws {
        var real: [(name: String, tensor: Tensor)] = []
        var whole: [(name: String, values: [Int64], shape: [Int])] = []
        for name in weights.names {
            guard let stored = weights.stored(name) else { continue }
            if stored.type.isFloatingPoint {
                real.append((name, try stored.tensor()))
            } else {
                whole.append((name, try stored.integers(), stored.shape))
            }
        }
        try SafetensorsWriter.write(output, tensors: real, integers: whole)
    }

    enum CodingKeys: String, CodingKey {
        case path, tensors
    }
}
