import FalconJSON

/// What a configuration may ask for and Falcon does not compute.
extension ModelConfiguration {
    /// Throws about members that change what a model computes and that no supported family has.
    static func refuseForeignFields(_ fields: ConfigurationFields, _ traits: ModelFamily.Traits) throws {
        let own = traits.activation.rawValue
        for key in ["hidden_act", "hidden_activation"] {
            if let activation = try fields.string(key), activation != own {
                throw fields.problem(key, "'\(activation)' is not supported; \(own) is")
            }
        }
        for key in ["quantization_config", "compression_config"] {
            guard let value = fields[key] else { continue }
            let method = value.object?["quant_method"]?.string.map { " ('\($0)')" } ?? ""
            throw fields.problem(
                key, "means quantised weights\(method), which are not supported; use the model's unquantised weights")
        }
        for key in ["num_local_experts", "num_experts", "n_routed_experts", "moe_intermediate_size"]
        where fields[key] != nil {
            throw fields.problem(key, "means a mixture of experts, which is not supported")
        }
        let shareKey = "partial_rotary_factor"
        if let share = fields[shareKey], share.double != 1, !traits.ownKeys.contains(shareKey) {
            throw fields.problem("partial_rotary_factor", "\(share.text()) is not supported; only 1 is")
        }
        for key in ["text_config", "vision_config", "audio_config"] where fields[key] != nil {
            throw fields.problem(key, "means a model of more than text, which is not supported")
        }
        for key in [
            "attn_logit_softcapping", "final_logit_softcapping", "logit_scale", "logits_scaling",
            "embedding_multiplier",
            "residual_multiplier", "attention_multiplier", "no_rope_layers", "use_qk_norm",
        ] where fields[key] != nil && fields[key] != .boolean(false) && !traits.ownKeys.contains(key) {
            throw fields.problem(key, "is not supported")
        }
    }

    /// Throws where a layer would look back less far than the model's positions go.
    ///
    /// A window that spans all positions changes nothing and is accepted.
    static func refuseSlidingWindow(
        _ fields: ConfigurationFields, _ traits: ModelFamily.Traits, maxPositions: Int, layers: Int
    ) throws {
        let isSwitchedOn = try traits.slidingWindowSwitch.map { try fields.boolean($0, default: false) } ?? true
        let window = fields["sliding_window"] == nil ? nil : try fields.size("sliding_window")
        let isShort = (window ?? maxPositions) < maxPositions
        var isUsed = isSwitchedOn && isShort
        let types = fields["layer_types"]?.array ?? []
        for type in types where type != .string("full_attention") && type != .string("sliding_attention") {
            throw fields.problem("layer_types", "\(type.text()) is not supported; full_attention is")
        }
        if traits.slidingWindowSwitch != nil {
            if types.isEmpty {
                // The first max_window_layers layers attend fully.
                isUsed = try isUsed && fields.size("max_window_layers", default: 28) < layers
            } else {
                // transformers 5 writes out what each layer does, and then only that counts.
                isUsed = types.contains(.string("sliding_attention")) && (isShort || window == nil)
            }
        }
        guard isUsed else { return }
        throw fields.problem(
            "sliding_window",
            "\(window.map { "\($0)" } ?? "") is not supported below max_position_embeddings (\(maxPositions)); "
                + "lower max_position_embeddings to the window to use the model up to there")
    }
}
