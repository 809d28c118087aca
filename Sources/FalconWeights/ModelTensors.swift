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
        let (hidden, wide, plan) = (configuration.hiddenSize, configuration.intermediateSize, configuration.plan)
        let queries = configuration.headCount * configuration.headSize
        let keys = configuration.keyValueHeadCount * configuration.headSize
        var list: [Entry] = []
        func linear(_ name: String, _ outputs: Int, _ inputs: Int, hasBias: Bool) {
            list.append((name + ".weight", [outputs, inputs]))
            if hasBias { list.append((name + ".bias", [outputs])) }
        }
        func norm(_ name: String?, _ size: Int) {
            if let name { list.append((name + ".weight", [size])) }
        }
        if hasInputNorm { norm(plan.inputNorm, hidden) }
        if plan.isFused {
            linear("self_attn.qkv_proj", queries + 2 * keys, hidden, hasBias: plan.hasAttentionBias)
        } else {
            linear("self_attn.q_proj", queries, hidden, hasBias: plan.hasAttentionBias)
            linear("self_attn.k_proj", keys, hidden, hasBias: plan.hasAttentionBias)
            linear("self_attn.v_proj", keys, hidden, hasBias: plan.hasAttentionBias)
        }
        linear("self_attn.o_proj", hidden, queries, hasBias: plan.hasOutputBias)
        let perHead = plan.queryKeyNorm == .head
        if plan.queryKeyNorm != .none {
            norm("self_attn.q_norm", perHead ? configuration.headSize : queries)
            norm("self_attn.k_norm", perHead ? configuration.headSize : keys)
        }
        if plan.isFused {
            linear("mlp.gate_up_proj", 2 * wide, hidden, hasBias: plan.hasMLPBias)
        } else {
            linear("mlp.gate_proj", wide, hidden, hasBias: plan.hasMLPBias)
            linear("mlp.up_proj", wide, hidden, hasBias: plan.hasMLPBias)
        }
        linear("mlp.down_proj", hidden, wide, hasBias: plan.hasMLPBias)
        norm(plan.attentionOutputNorm, hidden)
        norm(plan.feedForwardNorm, hidden)
        norm(plan.feedForwardOutputNorm, hidden)
        return list
    }
}
