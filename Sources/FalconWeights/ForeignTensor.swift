/// What a tensor's name tells where the model has no place for the tensor.
enum ForeignTensor {
    /// Parts of names that belong to another kind of model, and what that is with what to do.
    private static let kinds: [(parts: [String], meaning: String)] = [
        (
            ["lora_A", "lora_B", "lora_embedding", "lora_magnitude"],
            "is an adapter's (LoRA): merge the adapter into its base model first and use the merged model"
        ),
        (
            [
                "qweight", "qzeros", "g_idx", "weight_scale", "weight_scale_inv", "weight_zero_point", "input_scale",
                "scales", "absmax", "quant_map", "nested_absmax", "SCB", "weight_packed", "weight_shape", "k_scale",
                "v_scale",
            ],
            "belongs to quantised weights (GPTQ, AWQ, FP8, bitsandbytes or the like), which are not supported: use the "
                + "model's unquantised weights"
        ),
        (
            ["experts", "block_sparse_moe", "shared_expert", "shared_experts"],
            "belongs to a mixture of experts, which is not supported"
        ),
        (
            [
                "vision_tower", "vision_model", "visual", "multi_modal_projector", "mm_projector", "image_newline",
                "audio_tower", "patch_embed",
            ],
            "belongs to a model of more than text, which is not supported"
        ),
        (
            ["score", "classifier", "v_head", "value_head", "regression_head", "reward_head"],
            "belongs to a model that scores or classifies texts; use the language model that it was made from"
        ),
        (["medusa_head", "medusa"], "belongs to Medusa heads, which are not supported"),
    ]

    /// What a name says by itself; `nil` where it says nothing.
    static func meaning(_ name: String) -> String? {
        let parts = Set(name.split(separator: ".").map(String.init))
        return kinds.first { kind in kind.parts.contains(where: parts.contains) }?.meaning
    }

    /// The first tensor of each kind that the names of many tell.
    static func explained(_ names: [String]) -> [(name: String, meaning: String)] {
        var found: [(name: String, meaning: String)] = []
        for name in names {
            guard let meaning = meaning(name), !found.contains(where: { $0.meaning == meaning }) else { continue }
            found.append((name, meaning))
        }
        return found
    }

    /// What may be wrong where a name says nothing by itself.
    static func guess(_ name: String) -> String {
        if name.hasSuffix(".bias") {
            return "its configuration has no bias there; is model_type, attention_bias, qkv_bias or bias wrong?"
        }
        if name.hasSuffix("q_norm.weight") || name.hasSuffix("k_norm.weight") {
            return "norms of queries and keys are qwen3's; is model_type wrong?"
        }
        return "wrong configuration or family?"
    }

    /// The number of the layer that a tensor belongs to: 3 for `model.layers.3.mlp.up_proj.weight` behind
    /// "model.layers.".
    static func layer(of name: String, behind prefix: String) -> Int? {
        guard name.hasPrefix(prefix), !HarmlessTensors.contains(name) else { return nil }
        return Int(name.dropFirst(prefix.count).prefix { $0 != "." })
    }
}
