import FalconJSON
import FalconTensor
import Foundation

/// The shape and constants of a target model: Hugging Face's `config.json` (in the spelling of transformers 4 or 5)
/// and the end-of-text tokens of `generation_config.json`.
///
/// What Falcon does not compute is an error that names the field, never ignored: the tokens would be wrong without a
/// sign.
package struct ModelConfiguration: Sendable, Equatable {
    package var family: ModelFamily
    package var vocabularySize: Int
    package var hiddenSize: Int
    package var layerCount: Int
    package var headCount: Int
    package var keyValueHeadCount: Int
    package var headSize: Int
    package var intermediateSize: Int
    /// Added to the mean square in RMS norms.
    package var normEpsilon: Float
    package var rotary: RotaryConfiguration
    /// Whether the embedding serves as LM head, so that `lm_head.weight` is not stored.
    package var tiesEmbeddings: Bool
    /// What the decoder does with these sizes.
    package var plan: DecoderPlan
    package var maxPositions: Int
    /// The longest sequence that the model may be given: scaled positions reach `factor` times as far.
    package var positionLimit: Int {
        let (factor, positions) =
            switch rotary.scaling {
            case .none, .llama3, .divided: (1.0, maxPositions)
            case .linear(let factor): (factor, maxPositions)
            case .dynamic(let factor, let original): (factor, original)
            }
        return max(maxPositions, Int(min(factor * Double(positions), Double(Int32.max))))
    }
    /// Tokens that end an answer, from both files, in order of mention.
    package var eosTokens: [Int32]
    package var bosToken: Int32?
    package var padToken: Int32?
    /// The members of config.json as they were read, for export.
    package var raw: JSONObject

    static let mostLayers = 4096

    /// Reads `config.json` and, where it is there, `generation_config.json` of a model folder, or the metadata of a
    /// GGUF file.
    ///
    /// - Throws: `FileError` where something is missing, malformed or not supported.
    package init(folder: String) throws {
        guard !GGUFModelFiles.isMeant(folder) else {
            self = try GGUFModel(path: folder).configuration
            return
        }
        try ModelPath.check(folder, as: .target)
        let path = folder + "/config.json"
        let document = try JSONValue(path: path)
        guard let object = document.object else { throw FileError(path, "is \(document.kind), not an object") }
        try self.init(object, path: path)
        let generationPath = folder + "/generation_config.json"
        guard FileManager.default.fileExists(atPath: generationPath) else { return }
        guard let generation = try JSONValue(path: generationPath).object else {
            throw FileError(generationPath, "is not an object")
        }
        for token in try ConfigurationFields(generation, path: generationPath).tokens("eos_token_id")
        where !eosTokens.contains(token) { eosTokens.append(token) }
    }

    /// Reads the members of a config.json.
    ///
    /// - Parameter path: where they come from, for messages.
    package init(_ object: JSONObject, path: String) throws {
        let written = ModelFamily.Traits.gemma3Text(in: object) ?? object
        family = try ModelConfiguration.family(ConfigurationFields(written, path: path))
        let traits = family.traits
        var members = traits.spelling(written)
        for (key, value) in traits.defaults where (members[key] ?? .null) == .null { members[key] = value }
        let fields = ConfigurationFields(members, path: path)
        try ModelConfiguration.refuseForeignFields(fields, traits)

        vocabularySize = try fields.size("vocab_size")
        hiddenSize = try fields.size("hidden_size")
        layerCount = try fields.size("num_hidden_layers")
        // Room for the layers is made before the first weight is looked for.
        guard layerCount <= ModelConfiguration.mostLayers else {
            throw fields.problem("num_hidden_layers", "\(layerCount) is beyond \(ModelConfiguration.mostLayers)")
        }
        headCount = try fields.size("num_attention_heads")
        keyValueHeadCount = try fields.size(
            "num_key_value_heads", default: traits.hasHistoricDefaults ? headCount : nil)
        guard headCount.isMultiple(of: keyValueHeadCount) else {
            throw fields.problem("num_key_value_heads", "\(keyValueHeadCount) does not divide \(headCount) heads")
        }
        if fields["head_dim"] == nil, traits.defaultHeadSize == nil, !hiddenSize.isMultiple(of: headCount) {
            throw fields.problem("num_attention_heads", "\(headCount) does not divide hidden_size \(hiddenSize)")
        }
        headSize = try fields.size("head_dim", default: traits.defaultHeadSize ?? hiddenSize / headCount)
        guard headSize.isMultiple(of: 2) else { throw fields.problem("head_dim", "\(headSize) is not even") }
        intermediateSize = try fields.size("intermediate_size")
        normEpsilon = Float(try fields.positive("rms_norm_eps", default: 1e-6))
        maxPositions = try fields.size("max_position_embeddings", default: traits.hasHistoricDefaults ? 2048 : nil)
        rotary = try RotaryConfiguration(
            fields: fields, maxPositions: maxPositions, needsBase: !traits.hasHistoricDefaults)
        if case .divided(let divisors) = rotary.scaling, divisors.count != headSize / 2 {
            throw fields.problem(
                "rope_scaling.short_factor", "has \(divisors.count) numbers for heads of \(headSize) dimensions")
        }
        tiesEmbeddings = try fields.boolean("tie_word_embeddings", default: false)
        plan = DecoderPlan(traits)
        plan.hasAttentionBias = try ModelConfiguration.choice(traits.attentionBias, fields)
        plan.hasOutputBias = try ModelConfiguration.choice(traits.outputBias, fields)
        plan.hasMLPBias = try ModelConfiguration.choice(traits.mlpBias, fields)
        eosTokens = try fields.tokens("eos_token_id")
        bosToken = try fields.token("bos_token_id")
        padToken = try fields.token("pad_token_id")
        raw = written
        try setWindows(fields, traits.windows)
        try traits.plan(fields, &self)
    }

    private static func family(_ fields: ConfigurationFields) throws -> ModelFamily {
        let known = ModelFamily.allCases.map(\.traits.architecture).joined(separator: ", ")
        let type = try fields.string("model_type")
        let architectures = fields["architectures"]?.array?.compactMap(\.string) ?? []
        guard let name = architectures.first ?? type else {
            throw fields.problem("architectures", "is missing; one of \(known)")
        }
        guard
            let family = ModelFamily.allCases.first(where: {
                architectures.isEmpty ? $0.rawValue == name : $0.traits.architecture == name
            })
        else {
            let isMixture = ["moe", "mixtral", "deepseek", "dbrx"].contains { name.lowercased().contains($0) }
            throw fields.problem(
                architectures.isEmpty ? "model_type" : "architectures",
                "'\(name)' is \(isMixture ? "a mixture of experts, which is not supported" : "not supported"); "
                    + "\(known) are"
            )
        }
        if let type, type != family.rawValue {
            throw fields.problem("model_type", "'\(type)' does not fit the architecture \(name)")
        }
        return family
    }

    private static func choice(_ choice: ModelFamily.Choice, _ fields: ConfigurationFields) throws -> Bool {
        switch choice {
        case .always: true
        case .never: false
        case .configured(let key): try fields.boolean(key, default: false)
        }
    }
}
