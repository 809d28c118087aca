import FalconJSON
import FalconTensor

extension ModelConfiguration {
    /// A configuration for a model that is made here: no biases but the family's own, no special tokens.
    package init(
        family: ModelFamily = .llama, vocabularySize: Int, hiddenSize: Int, layerCount: Int, headCount: Int,
        keyValueHeadCount: Int? = nil, headSize: Int? = nil, intermediateSize: Int, normEpsilon: Float = 1e-5,
        rotary: RotaryConfiguration = RotaryConfiguration(), tiesEmbeddings: Bool = false, maxPositions: Int = 2048,
        eosTokens: [Int32] = [], bosToken: Int32? = nil, padToken: Int32? = nil
    ) {
        self.family = family
        self.vocabularySize = vocabularySize
        self.hiddenSize = hiddenSize
        self.layerCount = layerCount
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount ?? headCount
        self.headSize = headSize ?? hiddenSize / headCount
        self.intermediateSize = intermediateSize
        self.normEpsilon = normEpsilon
        self.rotary = rotary
        self.tiesEmbeddings = tiesEmbeddings
        plan = DecoderPlan(family.traits)
        self.maxPositions = maxPositions
        self.eosTokens = eosTokens
        self.bosToken = bosToken
        self.padToken = padToken
        raw = JSONObject()
    }

    /// The members for a config.json: those that were read, with every known one as it is now, so that transformers
    /// 4 and 5 and Falcon read the same model from it.
    package var document: JSONObject {
        var object = raw
        object["architectures"] = .array([.string(family.traits.architecture)])
        object["model_type"] = .string(family.rawValue)
        object["vocab_size"] = .integer(vocabularySize)
        object["hidden_size"] = .integer(hiddenSize)
        object["num_hidden_layers"] = .integer(layerCount)
        object["num_attention_heads"] = .integer(headCount)
        object["num_key_value_heads"] = .integer(keyValueHeadCount)
        object["head_dim"] = .integer(headSize)
        object["intermediate_size"] = .integer(intermediateSize)
        object["hidden_act"] = .string(plan.activation.rawValue)
        // The shortest decimal that gives this float back: 1e-05, not its long double.
        object["rms_norm_eps"] = .number(Double("\(normEpsilon)") ?? Double(normEpsilon))
        // What other families read of positions stands in what was read, in spellings of their own.
        if plan.isClassic || raw.count == 0 {
            object["max_position_embeddings"] = .integer(maxPositions)
            rotary.write(into: &object)
        }
        object["tie_word_embeddings"] = .boolean(tiesEmbeddings)
        if case .configured(let key) = family.traits.attentionBias { object[key] = .boolean(plan.hasAttentionBias) }
        if case .configured(let key) = family.traits.mlpBias { object[key] = .boolean(plan.hasMLPBias) }
        object["eos_token_id"] = JSONValue(tokens: eosTokens)
        object["bos_token_id"] = JSONValue(tokens: bosToken.map { [$0] } ?? [])
        object["pad_token_id"] = JSONValue(tokens: padToken.map { [$0] } ?? [])
        return object
    }

    /// Writes `config.json` into a folder, whole or not at all.
    package func write(folder: String) throws {
        try AtomicFile.write(folder + "/config.json", text: JSONValue.object(document).text(isPretty: true) + "\n")
    }
}

extension JSONValue {
    /// Token ids as configurations write them: null, one number, or a list.
    init(tokens: [Int32]) {
        switch tokens.count {
        case 0: self = .null
        case 1: self = .integer(Int(tokens[0]))
        default: self = .array(tokens.map { .integer(Int($0)) })
        }
    }
}
