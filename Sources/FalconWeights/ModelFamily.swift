/// The families of target models. They share one decoder and differ in what the table below says; nothing else in
/// Falcon asks for the family.
package enum ModelFamily: String, Sendable, CaseIterable {
    case llama, mistral, qwen2, qwen3

    /// Where a family takes something from.
    package enum Choice: Sendable, Equatable {
        case always, never
        /// From this key of config.json, false where it is absent.
        case configured(String)
    }

    /// What tells the families apart.
    package struct Traits: Sendable {
        /// The class that `architectures` names.
        package let architecture: String
        /// Biases of the query, key and value projections.
        package let attentionBias: Choice
        /// A bias of the attention's output projection.
        package let outputBias: Choice
        /// Biases in the feed-forward part.
        package let mlpBias: Choice
        /// RMS norms over each head of queries and keys, before the rotation.
        package let hasQueryKeyNorm: Bool
        /// The head size where `head_dim` is absent; `nil`: hidden size / heads.
        package let defaultHeadSize: Int?
        /// Whether early members left out `num_key_value_heads`, `rope_theta` and `max_position_embeddings`, which
        /// then stand for as many as query heads, 10000 and 2048. In other families their absence is an error.
        package let hasHistoricDefaults: Bool
        /// The key that must be true for `sliding_window` to count; `nil`: it counts wherever it is a number.
        package let slidingWindowSwitch: String?
    }

    package var traits: Traits {
        switch self {
        case .llama:
            Traits(
                architecture: "LlamaForCausalLM", attentionBias: .configured("attention_bias"),
                outputBias: .configured("attention_bias"), mlpBias: .configured("mlp_bias"), hasQueryKeyNorm: false,
                defaultHeadSize: nil, hasHistoricDefaults: true, slidingWindowSwitch: nil)
        case .mistral:
            Traits(
                architecture: "MistralForCausalLM", attentionBias: .never, outputBias: .never, mlpBias: .never,
                hasQueryKeyNorm: false, defaultHeadSize: nil, hasHistoricDefaults: false, slidingWindowSwitch: nil)
        case .qwen2:
            Traits(
                architecture: "Qwen2ForCausalLM", attentionBias: .always, outputBias: .never, mlpBias: .never,
                hasQueryKeyNorm: false, defaultHeadSize: nil, hasHistoricDefaults: false,
                slidingWindowSwitch: "use_sliding_window")
        case .qwen3:
            Traits(
                architecture: "Qwen3ForCausalLM", attentionBias: .configured("attention_bias"),
                outputBias: .configured("attention_bias"), mlpBias: .never, hasQueryKeyNorm: true,
                defaultHeadSize: 128, hasHistoricDefaults: false, slidingWindowSwitch: "use_sliding_window")
        }
    }
}
