/// OLMo 2: norms behind attention and the feed-forward part instead of before them, and one norm over all heads of
/// queries and one over all of keys (OLMo team, "2 OLMo 2 Furious", 2024).
extension ModelFamily.Traits {
    static let olmo2 = ModelFamily.Traits(
        architecture: "Olmo2ForCausalLM", attentionBias: .configured("attention_bias"),
        outputBias: .configured("attention_bias"), queryKeyNorm: .width, hasHistoricDefaults: true,
        defaults: ["rms_norm_eps": .number(1e-5)], plan: { _, configuration in norms(&configuration.plan) },
        gguf: ModelFamily.GGUFTraits(
            name: "olmo2",
            names: [
                "post_attention_layernorm": "post_attention_norm", "post_feedforward_layernorm": "post_ffw_norm",
            ]
        ) { _, _, configuration in norms(&configuration.plan) })

    private static func norms(_ plan: inout DecoderPlan) {
        plan.inputNorm = nil
        plan.attentionOutputNorm = "post_attention_layernorm"
        plan.feedForwardNorm = nil
        plan.feedForwardOutputNorm = "post_feedforward_layernorm"
    }
}
