import FalconTensor

/// A language model in GGUF files: its configuration from the metadata, and its tensors under the names and in the row
/// order of Hugging Face's layout, so that all else is as with a folder.
package struct GGUFModel: Sendable {
    package let files: GGUFModelFiles
    package let configuration: ModelConfiguration
    package let weights: WeightFolder

    package var metadata: GGUFMetadata { files.metadata }

    /// - Throws: `FileError` where a file is missing or damaged, a setting is not supported, or the tensors are not
    ///   those of the configuration; the key or the tensor is named as the file names it.
    package init(path: String) throws { try self.init(GGUFModelFiles(path: path)) }

    /// - Throws: as `init(path:)`.
    package init(_ files: GGUFModelFiles) throws {
        self.files = files
        let architecture = try GGUFArchitecture(files.metadata)
        configuration = try ModelConfiguration(files, architecture)
        weights = try WeightFolder(
            path: files.path, GGUFModel.tensors(files, configuration, architecture.traits))
    }

    /// The tensors of a model, each in its place.
    private static func tensors(
        _ files: GGUFModelFiles, _ configuration: ModelConfiguration, _ traits: ModelFamily.GGUFTraits
    ) throws -> [StoredTensor] {
        var left = Dictionary(uniqueKeysWithValues: files.tensors.map { ($0.name, $0) })
        left["rope_freqs.weight"] = nil
        for name in traits.extraTensors { left[name] = nil }
        var tensors: [StoredTensor] = []
        for entry in entries(of: configuration, traits) {
            guard let tensor = left.removeValue(forKey: entry.name) else {
                throw FileError(files.path, "holds no tensor '\(entry.name)'")
            }
            func refusal(_ problem: String) -> FileError {
                FileError(tensor.file.path, "tensor '\(entry.name)' \(problem)")
            }
            guard tensor.shape == entry.shape else {
                throw refusal("has shape \(tensor.shape) where the metadata needs \(entry.shape)")
            }
            guard tensor.type.isFloatingPoint else { throw refusal("holds \(tensor.encoding) values") }
            let isTurned = traits.pairsRotaryRows && entry.isRotary
            guard !isTurned || tensor.shape.count == 2 || tensor.blocks == nil else {
                throw refusal("is written in blocks of \(tensor.encoding), which a bias of queries or keys cannot be")
            }
            tensors.append(
                tensor.renamed(
                    entry.place, rowOrder: isTurned ? .pairedHeads(size: configuration.headSize) : .asStored))
        }
        if let foreign = files.tensors.first(where: { left[$0.name] != nil && !isHarmless($0.name) }) {
            throw FileError(
                foreign.file.path,
                "tensor \(foreign.name.shown) has no place in a model of \(configuration.layerCount) blocks of this "
                    + "architecture")
        }
        return tensors
    }

    /// Frequencies that old converters wrote for each block; they follow from the metadata.
    private static func isHarmless(_ name: String) -> Bool {
        name.hasSuffix(".attn_rot_embd.weight") || name.hasSuffix(".attention.rotary_emb.inv_freq")
    }

    private struct Entry {
        /// In the file, and in Hugging Face's layout.
        let name, place: String
        let shape: [Int]
        /// Whether its rows are turned by their position.
        var isRotary = false
    }

    private static func entries(of configuration: ModelConfiguration, _ traits: ModelFamily.GGUFTraits) -> [Entry] {
        let own = ["model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"]
        return ModelTensors.target(configuration).compactMap { place, shape in
            // model.layers.NUMBER.PART.weight
            let parts = place.split(separator: ".", maxSplits: 3)
            guard parts.count == 4, parts[1] == "layers" else {
                let base = place.dropLast(".weight".count)
                return own[String(base)].map { Entry(name: $0 + ".weight", place: place, shape: shape) }
            }
            guard let dot = parts[3].lastIndex(of: ".") else { return nil }
            let (part, kind) = (String(parts[3][..<dot]), parts[3][dot...])
            guard let name = traits.names[part] ?? usual[part] else { return nil }
            return Entry(
                name: "blk.\(parts[2]).\(name)\(kind)", place: place, shape: shape,
                isRotary: part == "self_attn.q_proj" || part == "self_attn.k_proj")
        }
    }

    /// What llama.cpp calls the parts of a layer in most families.
    private static let usual = [
        "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
        "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    ]
}
