/// Llama, whose early members left out what has stood in every configuration since, and Mistral, its twin without
/// biases and with a window in some.
extension ModelFamily.Traits {
    static let llama = ModelFamily.Traits(
        architecture: "LlamaForCausalLM", attentionBias: .configured("attention_bias"),
        outputBias: .configured("attention_bias"), mlpBias: .configured("mlp_bias"), hasHistoricDefaults: true,
        // Mistral's too, so a window is every layer's.
        gguf: ModelFamily.GGUFTraits(
            name: "llama", pairsRotaryRows: true, hasOptionalBiases: true, windows: .everywhere))

    /// llama.cpp stores it as Llama.
    static let mistral = ModelFamily.Traits(architecture: "MistralForCausalLM", windows: .everywhere)
}
