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
            path: files.path, GGUFModel.tensors(files, configuration, pairsRotaryRows: architecture.pairsRotaryRows))
    }

    /// The tensors of a model, each in its place.
    private static func tensors(
        _ files: GGUFModelFiles, _ configuration: ModelConfiguration, pairsRotaryRows: Bool
    ) throws -> [StoredTensor] {
        var left = Dictionary(uniqueKeysWithValues: files.tensors.map { ($0.name, $0) })
        left["rope_freqs.weight"] = nil
        var tensors: [StoredTensor] = []
        for entry in entries(of: configuration) {
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
            let isTurned = pairsRotaryRows && entry.isRotary
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

    private static func entries(of configuration: ModelConfiguration) -> [Entry] {
        let (vocabulary, hidden) = (configuration.vocabularySize, configuration.hiddenSize)
        var entries = [
            Entry(name: "token_embd.weight", place: "model.embed_tokens.weight", shape: [vocabulary, hidden]),
            Entry(name: "output_norm.weight", place: "model.norm.weight", shape: [hidden]),
        ]
        if !configuration.tiesEmbeddings {
            entries.append(Entry(name: "output.weight", place: "lm_head.weight", shape: [vocabulary, hidden]))
        }
        for number in 0..<configuration.layerCount {
            entries += layer(configuration).map {
                Entry(
                    name: "blk.\(number)." + $0.name, place: "model.layers.\(number)." + $0.place, shape: $0.shape,
                    isRotary: $0.isRotary)
            }
        }
        return entries
    }

    private static func layer(_ configuration: ModelConfiguration) -> [Entry] {
        let (hidden, wide) = (configuration.hiddenSize, configuration.intermediateSize)
        let queries = configuration.headCount * configuration.headSize
        let keys = configuration.keyValueHeadCount * configuration.headSize
        var entries: [Entry] = []
        func norm(_ name: String, _ place: String, _ size: Int) {
            entries.append(Entry(name: name + ".weight", place: place + ".weight", shape: [size]))
        }
        func linear(
            _ name: String, _ place: String, _ outputs: Int, _ inputs: Int, hasBias: Bool, isRotary: Bool = false
        ) {
            entries.append(
                Entry(name: name + ".weight", place: place + ".weight", shape: [outputs, inputs], isRotary: isRotary))
            if hasBias {
                entries.append(
                    Entry(name: name + ".bias", place: place + ".bias", shape: [outputs], isRotary: isRotary))
            }
        }
        let (bias, outputBias) = (configuration.hasAttentionBias, configuration.hasOutputBias)
        norm("attn_norm", "input_layernorm", hidden)
        linear("attn_q", "self_attn.q_proj", queries, hidden, hasBias: bias, isRotary: true)
        linear("attn_k", "self_attn.k_proj", keys, hidden, hasBias: bias, isRotary: true)
        linear("attn_v", "self_attn.v_proj", keys, hidden, hasBias: bias)
        linear("attn_output", "self_attn.o_proj", hidden, queries, hasBias: outputBias)
        if configuration.hasQueryKeyNorm {
            norm("attn_q_norm", "self_attn.q_norm", configuration.headSize)
            norm("attn_k_norm", "self_attn.k_norm", configuration.headSize)
        }
        norm("ffn_norm", "post_attention_layernorm", hidden)
        linear("ffn_gate", "mlp.gate_proj", wide, hidden, hasBias: configuration.hasMLPBias)
        linear("ffn_up", "mlp.up_proj", wide, hidden, hasBias: configuration.hasMLPBias)
        linear("ffn_down", "mlp.down_proj", hidden, wide, hasBias: configuration.hasMLPBias)
        return entries
    }
}
