/// Qwen2, with biases of queries, keys and values, and Qwen3, with norms of each head of queries and keys.
extension ModelFamily.Traits {
    static let qwen2 = ModelFamily.Traits(
        architecture: "Qwen2ForCausalLM", attentionBias: .always, windows: .switched,
        gguf: ModelFamily.GGUFTraits(name: "qwen2"))

    static let qwen3 = ModelFamily.Traits(
        architecture: "Qwen3ForCausalLM", attentionBias: .configured("attention_bias"),
        outputBias: .configured("attention_bias"), queryKeyNorm: .head, defaultHeadSize: 128,
        windows: .switched, gguf: ModelFamily.GGUFTraits(name: "qwen3"))
}
