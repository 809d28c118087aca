/// The tensors that a decoder of a configuration consists of, in Hugging Face's layout.
package enum ModelTensors {
    package typealias Entry = (name: String, shape: [Int])

    /// Names and shapes of a target model.
    package static func target(_ configuration: ModelConfiguration) -> [Entry] {
        let (vocabulary, hidden) = (configuration.vocabularySize, configuration.hiddenSize)
        var list: [Entry] = [("model.embed_tokens.weight", [vocabulary, hidden])]
        for number in 0..<configuration.layerCount {
            list += layer(configuration, hasInputNorm: true).map { ("model.layers.\(number)." + $0.name, $0.shape) }
        }
        list.append(("model.norm.weight", [hidden]))
        if !configuration.tiesEmbeddings { list.append(("lm_head.weight", [vocabulary, hidden])) }
        return list
    }

    /// Names, behind the layer's own, and shapes of one decoder layer.
    package static func layer(_ configuration: ModelConfiguration, hasInputNorm: Bool) -> [Entry] {
        let (hidden, wide) = (configuration.hiddenSize, configuration.intermediateSize)
        let queries = configuration.headCount * configuration.headSize
        let keys = configuration.keyValueHeadCount * configuration.headSize
        var list: [Entry] = []
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
}
