import FalconJSON
import FalconTensor

/// Gemma 3's text model: norms before and behind both parts of a layer, with weights stored as their distance from 1;
/// gelu; scaled embeddings; five layers that see a window for one that sees all, each kind turned by its own rotary
/// base ("Gemma 3 Technical Report", 2025).
extension ModelFamily.Traits {
    static let gemma3 = ModelFamily.Traits(
        architecture: "Gemma3ForCausalLM", attentionBias: .configured("attention_bias"),
        outputBias: .configured("attention_bias"), queryKeyNorm: .head, activation: .gelu, defaultHeadSize: 256,
        windows: .planned,
        defaults: [
            // What the class takes for granted, and multimodal configurations leave out.
            "tie_word_embeddings": .boolean(true), "vocab_size": .integer(262208), "num_attention_heads": .integer(8),
            "num_key_value_heads": .integer(4), "max_position_embeddings": .integer(131072),
            "rope_theta": .number(1e6), "rope_local_base_freq": .number(1e4), "query_pre_attn_scalar": .number(256),
            "sliding_window": .integer(4096),
        ],
        spelling: inVersion4,
        plan: { fields, configuration in
            guard try !fields.boolean("use_bidirectional_attention", default: false) else {
                throw fields.problem(
                    "use_bidirectional_attention", "true means a model of embeddings, which writes no text")
            }
            let pattern = try fields.size("sliding_window_pattern", default: 6)
            let seesWindow = try configuration.layersWithWindow(fields)
            let isFull = (0..<configuration.layerCount).map { number in
                seesWindow.map { !$0[number] } ?? (number + 1).isMultiple(of: pattern)
            }
            complete(
                &configuration, isFull: isFull, window: try fields.size("sliding_window"),
                localBase: try fields.positive("rope_local_base_freq"),
                scoreSize: try fields.positive("query_pre_attn_scalar"))
            configuration.plan.normOffset = 1
        },
        gguf: ModelFamily.GGUFTraits(
            name: "gemma3", windows: .planned, ownKeys: ["attention.scale"],
            names: [
                "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
                "post_feedforward_layernorm": "post_ffw_norm",
            ]
        ) { fields, _, configuration in
            let count = configuration.layerCount
            let pattern = try fields.size("attention.sliding_window_pattern", default: 6)
            // llama.cpp tells the 27B model, which divides by its width over its heads, by its layers.
            let size = count == 62 ? configuration.hiddenSize / configuration.headCount : configuration.headSize
            complete(
                &configuration, isFull: (1...count).map { $0.isMultiple(of: pattern) },
                window: try fields.size("attention.sliding_window"),
                localBase: try fields.positive("rope.freq_base_swa", default: 1e4), scoreSize: Double(size))
            if fields.contains("attention.scale") {
                configuration.plan.scoreScale = Float(try fields.positive("attention.scale"))
            }
        })

    private static func complete(
        _ configuration: inout ModelConfiguration, isFull: [Bool], window: Int, localBase: Double, scoreSize: Double
    ) {
        configuration.plan.attentionOutputNorm = "post_attention_layernorm"
        configuration.plan.feedForwardNorm = "pre_feedforward_layernorm"
        configuration.plan.feedForwardOutputNorm = "post_feedforward_layernorm"
        configuration.plan.embeddingScale = Float(configuration.hiddenSize).squareRoot()
        configuration.plan.scoreScale = Float(1 / scoreSize.squareRoot())
        configuration.plan.otherRotaries = [RotaryConfiguration(base: localBase)]
        configuration.plan.layers = isFull.map {
            $0 ? DecoderPlan.Layer(rotary: 0) : DecoderPlan.Layer(rotary: 1, window: window)
        }
    }

    /// Rotary positions by kind of layer, as transformers 5 writes them, in the keys of version 4.
    private static func inVersion4(_ object: JSONObject) -> JSONObject {
        guard let kinds = object["rope_parameters"]?.object, kinds["rope_theta"] == nil else { return object }
        var object = object
        object["rope_parameters"] = nil
        if var full = kinds["full_attention"]?.object {
            if let base = full["rope_theta"] { object["rope_theta"] = base }
            full["rope_theta"] = nil
            object["rope_scaling"] = .object(full)
        }
        if let base = kinds["sliding_attention"]?.object?["rope_theta"] { object["rope_local_base_freq"] = base }
        return object
    }

    /// The text part of a Gemma 3 that also sees, as a configuration of its own; `nil` for anything else.
    static func gemma3Text(in object: JSONObject) -> JSONObject? {
        guard object["model_type"] == .string("gemma3"), var text = object["text_config"]?.object else { return nil }
        for key in ["eos_token_id", "bos_token_id", "pad_token_id", "tie_word_embeddings", "quantization_config"] {
            if let value = object[key], text[key] == nil || key == "eos_token_id" { text[key] = value }
        }
        text["model_type"] = .string("gemma3_text")
        text["architectures"] = .array([.string("Gemma3ForCausalLM")])
        return text
    }
}
