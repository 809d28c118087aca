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
}
