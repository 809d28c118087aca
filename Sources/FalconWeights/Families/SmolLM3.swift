import FalconJSON

/// SmolLM3: Llama with layers, every fourth by default, whose queries and keys are not turned by their position
/// ("NoPE": Yang et al., 2025), and which see a window where `use_sliding_window` is true.
extension ModelFamily.Traits {
    static let smollm3 = ModelFamily.Traits(
        architecture: "SmolLM3ForCausalLM", attentionBias: .configured("attention_bias"),
        outputBias: .configured("attention_bias"), mlpBias: .configured("mlp_bias"),
        windows: .planned,
        defaults: ["tie_word_embeddings": .boolean(true)],
        ownKeys: ["no_rope_layers"],
        plan: { fields, configuration in
            let count = configuration.layerCount
            guard let list = fields["no_rope_layers"] else {
                let interval = try fields.size("no_rope_layer_interval", default: 4)
                configuration.plan.layers = unturned(every: interval, of: count)
                try see(fields, &configuration)
                return
            }
            // 1 means that positions do turn the layer, whatever the key's name says.
            let flags = list.array?.compactMap(\.integer) ?? []
            guard flags.count >= count, flags.count == list.array?.count, flags.allSatisfy({ $0 == 0 || $0 == 1 })
            else { throw fields.problem("no_rope_layers", "must be a list of 0 and 1 for each of \(count) layers") }
            configuration.plan.layers = flags.prefix(count).map { DecoderPlan.Layer(rotary: $0 == 1 ? 0 : nil) }
            try see(fields, &configuration)
        },
        // llama.cpp knows no other interval, and its converter pairs the rows of all layers.
        gguf: ModelFamily.GGUFTraits(name: "smollm3", pairsRotaryRows: true) { _, _, configuration in
            configuration.plan.layers = unturned(every: 4, of: configuration.layerCount)
        })

    private static func see(_ fields: ConfigurationFields, _ configuration: inout ModelConfiguration) throws {
        let unturned = configuration.plan.layers.map { $0.rotary == nil }
        try configuration.setWindows(fields) { unturned[$0] }
    }

    private static func unturned(every interval: Int, of count: Int) -> [DecoderPlan.Layer] {
        (1...count).map { DecoderPlan.Layer(rotary: $0.isMultiple(of: interval) ? nil : 0) }
    }
}
