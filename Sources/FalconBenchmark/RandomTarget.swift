import FalconTensor
import FalconWeights
import Foundation

/// A target model with random weights, written in Hugging Face's layout, so that a benchmark loads and runs it as a
/// user's model is loaded and run.
package enum RandomTarget {
    /// Writes `config.json` and one file of weights a layer, with their index, into a folder that is there.
    ///
    /// - Throws: `FileError` where the disk fails.
    package static func write(
        _ configuration: ModelConfiguration, as type: ElementType, seed: UInt64, to folder: String
    ) throws {
        try configuration.write(folder: folder)
        var source = RandomSource(seed: seed)
        // One block of random numbers serves all tensors from different places: drawing a billion takes minutes.
        let block = (0..<(1 << 20)).map { _ in 0.02 * source.normal() }
        func tensor(_ shape: [Int]) -> Tensor {
            let count = shape.reduce(1, *)
            let start = source.below(block.count)
            return Tensor((0..<count).map { block[(start + $0) & (block.count - 1)] }, shape)
        }
        var index: [String: String] = [:]
        func save(_ name: String, _ tensors: [(name: String, tensor: Tensor)]) throws {
            try SafetensorsWriter.write(folder + "/" + name, tensors: tensors, as: type)
            for (tensor, _) in tensors { index[tensor] = name }
        }

        let hidden = configuration.hiddenSize
        func save(_ name: String, layer prefix: String) throws {
            try save(
                name,
                ModelTensors.layer(configuration, hasInputNorm: true).map { entry in
                    let isNorm = entry.name.hasSuffix("norm.weight")
                    return (prefix + entry.name, isNorm ? Tensor(repeating: 1, entry.shape) : tensor(entry.shape))
                })
        }
        for layer in 0..<configuration.layerCount {
            try save("layer-\(layer).safetensors", layer: "model.layers.\(layer).")
        }
        // One at a time: each of them may take gigabytes.
        let ends = [configuration.vocabularySize, hidden]
        try save("embedding.safetensors", [("model.embed_tokens.weight", tensor(ends))])
        try save("norm.safetensors", [("model.norm.weight", Tensor(repeating: 1, [hidden]))])
        if !configuration.tiesEmbeddings { try save("head.safetensors", [("lm_head.weight", tensor(ends))]) }
        let document: [String: Any] = ["metadata": [String: Any](), "weight_map": index]
        let data = try JSONSerialization.data(withJSONObject: document, options: [.sortedKeys])
        try AtomicFile.write(folder + "/model.safetensors.index.json") { try $0.write(Array(data)) }
    }

    /// Writes a model in the shape of a configuration that is there.
    ///
    /// - Parameters:
    ///   - path: a config.json, or a folder with one.
    ///   - layers: in place of its own number of layers.
    /// - Throws: `FileError` where the configuration is not supported or `output` is there already.
    package static func create(like path: String, layers: Int?, as type: ElementType, at output: String) throws {
        guard !FileManager.default.fileExists(atPath: output) else {
            throw FileError(output, "is there already; choose another --output")
        }
        var configuration = try ClusterPlan.target(like: path)
        if let layers { configuration.layerCount = layers }
        configuration.raw["dtype"] = nil
        configuration.raw["layer_types"] = nil
        configuration.raw["torch_dtype"] = .string(type.rawValue)
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        try write(configuration, as: type, seed: 1, to: output)
    }

    /// Runs `body` with a folder that holds such a model and removes it afterwards.
    package static func with<Result>(
        _ configuration: ModelConfiguration, as type: ElementType, seed: UInt64, _ body: (String) throws -> Result
    ) throws -> Result {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("falcon-bench-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write(configuration, as: type, seed: seed, to: folder)
        return try body(folder)
    }
}
