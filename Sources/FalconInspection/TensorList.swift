import FalconDraft
import FalconWeights

/// The tensors that a model of a configuration consists of.
package enum TensorList {
    /// Names and shapes of a target model in Hugging Face's layout.
    package static func target(_ configuration: ModelConfiguration) -> [(name: String, shape: [Int])] {
        let (vocabulary, hidden) = (configuration.vocabularySize, configuration.hiddenSize)
        var list: [(name: String, shape: [Int])] = [("model.embed_tokens.weight", [vocabulary, hidden])]
        for number in 0..<configuration.layerCount {
            list += layer(configuration, hasInputNorm: true).map { ("model.layers.\(number)." + $0.name, $0.shape) }
        }
        list.append(("model.norm.weight", [hidden]))
        if !configuration.tiesEmbeddings { list.append(("lm_head.weight", [vocabulary, hidden])) }
        return list
    }

    /// Names and shapes of a draft head in the authors' layout.
    ///
    /// - Parameter hasEmbedding: whether the head carries the target's embedding, as the authors' files do.
    package static func draft(
        _ configuration: DraftConfiguration, hasEmbedding: Bool
    ) -> [(name: String, shape: [Int])] {
        let (model, hidden) = (configuration.model, configuration.model.hiddenSize)
        var list: [(name: String, shape: [Int])] = []
        if hasEmbedding { list.append(("embed_tokens.weight", [model.vocabularySize, hidden])) }
        switch configuration.fusion {
        case .lstm, .gated:
            for (number, width) in [2 * hidden, hidden].enumerated() {
                list.append(("lstm.weight_ih_l\(number)", [4 * hidden, width]))
                list.append(("lstm.weight_hh_l\(number)", [4 * hidden, hidden]))
                list.append(("lstm.bias_ih_l\(number)", [4 * hidden]))
                list.append(("lstm.bias_hh_l\(number)", [4 * hidden]))
            }
        case .linear:
            list.append(("fc.weight", [hidden, 2 * hidden]))
            if configuration.hasLinearBias { list.append(("fc.bias", [hidden])) }
        }
        for number in 0..<model.layerCount {
            // Layer 0 has no input norm (the authors' code, class of the decoder layer).
            list += layer(model, hasInputNorm: number > 0).map { ("layers.\(number)." + $0.name, $0.shape) }
        }
        return list
    }

    private static func layer(
        _ configuration: ModelConfiguration, hasInputNorm: Bool
    ) -> [(name: String, shape: [Int])] {
        let (hidden, wide) = (configuration.hiddenSize, configuration.intermediateSize)
        let queries = configuration.headCount * configuration.headSize
        let keys = configuration.keyValueHeadCount * configuration.headSize
        var list: [(name: String, shape: [Int])] = []
        func linear(_ name: String, _ outputs: Int, _ inputs: Int, hasBias: Bool) {
            list.append((name + ".weight", [outputs, inputs]))
            if hasBias { list.append((name + ".bias", [outputs])) }
        }
        if hasInputNorm { list.append(("input_layernorm.weight", [hidden])) }
        linear("self_attn.q_proj", queries, hidden, hasBias: configuration.hasAttentionBias)
        linear("self_attn.k_proj", keys, hidden, hasBias: configuration.hasAttentionBias)
        linear("self_attn.v_proj", keys, hidden, hasBias: configuration.hasAttentionBias)
        linear("self_attn.o_proj", hidden, queries, hasBias: configuration.hasOutputBias)
        if configuration.hasQueryKeyNorm {
            list.append(("self_attn.q_norm.weight", [configuration.headSize]))
            list.append(("self_attn.k_norm.weight", [configuration.headSize]))
        }
        linear("mlp.gate_proj", wide, hidden, hasBias: configuration.hasMLPBias)
        linear("mlp.up_proj", wide, hidden, hasBias: configuration.hasMLPBias)
        linear("mlp.down_proj", hidden, wide, hasBias: configuration.hasMLPBias)
        list.append(("post_attention_layernorm.weight", [hidden]))
        return list
    }

    /// What is missing, has another shape, or is not finite, and what nobody asked for.
    ///
    /// - Parameter ignored: whether a tensor without a place does no harm.
    static func findings(
        _ expected: [(name: String, shape: [Int])], in weights: WeightFolder, ignored: (String) -> Bool
    ) throws -> [Finding] {
        var findings: [Finding] = []
        for (name, shape) in expected {
            guard let stored = weights.stored(name) else {
                findings.append(.problem("tensor '\(name)' of shape \(shape) is missing"))
                continue
            }
            guard stored.shape == shape else {
                findings.append(
                    .problem("tensor '\(name)' has shape \(stored.shape) where the configuration needs \(shape)"))
                continue
            }
            guard stored.type.isFloatingPoint else {
                findings.append(.problem("tensor '\(name)' holds \(stored.type.rawValue) values"))
                continue
            }
            if try !stored.isFinite() {
                findings.append(.problem("tensor '\(name)' holds values that are infinite or not a number"))
            }
        }
        let known = Set(expected.map(\.name))
        for name in weights.names where !known.contains(name) && !ignored(name) {
            findings.append(.problem("tensor '\(name)' has no place in this model: wrong configuration or family?"))
        }
        return findings
    }
}
