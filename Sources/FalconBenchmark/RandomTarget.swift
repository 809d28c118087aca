import FalconTensor
import FalconWeights
import Foundation

/// A target model with random weights, written in Hugging Face's layout, so that a benchmark loads and runs it as a
/// user's model is loaded and run.
package enum RandomTarget {
    /// Writes `config.json` and one file of weights a layer, with their index.
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

        let (hidden, wide, vocabulary) = (
            configuration.hiddenSize, configuration.intermediateSize, configuration.vocabularySize
        )
        let query = configuration.headCount * configuration.headSize
        let keyValue = configuration.keyValueHeadCount * configuration.headSize
        let norm = Tensor(repeating: 1, [hidden])
        for layer in 0..<configuration.layerCount {
            let prefix = "model.layers.\(layer)."
            try save(
                "layer-\(layer).safetensors",
                [
                    (prefix + "input_layernorm.weight", norm),
                    (prefix + "self_attn.q_proj.weight", tensor([query, hidden])),
                    (prefix + "self_attn.k_proj.weight", tensor([keyValue, hidden])),
                    (prefix + "self_attn.v_proj.weight", tensor([keyValue, hidden])),
                    (prefix + "self_attn.o_proj.weight", tensor([hidden, query])),
                    (prefix + "post_attention_layernorm.weight", norm),
                    (prefix + "mlp.gate_proj.weight", tensor([wide, hidden])),
                    (prefix + "mlp.up_proj.weight", tensor([wide, hidden])),
                    (prefix + "mlp.down_proj.weight", tensor([hidden, wide])),
                ])
        }
        try save(
            "ends.safetensors",
            [
                ("model.embed_tokens.weight", tensor([vocabulary, hidden])),
                ("model.norm.weight", norm),
                ("lm_head.weight", tensor([vocabulary, hidden])),
            ])
        let document: [String: Any] = ["metadata": [String: Any](), "weight_map": index]
        let data = try JSONSerialization.data(withJSONObject: document, options: [.sortedKeys])
        try AtomicFile.write(folder + "/model.safetensors.index.json") { try $0.write(Array(data)) }
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
