import FalconTensor

extension ModelConfiguration {
    /// The configuration that the metadata and tensors of a GGUF file describe.
    ///
    /// - Throws: `FileError` that names the key where something is missing, out of range, or not supported.
    init(_ files: GGUFModelFiles, _ architecture: GGUFArchitecture) throws {
        let metadata = files.metadata
        let fields = GGUFFields(metadata, architecture)
        let traits = architecture.traits
        try ModelConfiguration.refuseForeignFields(fields, except: traits.ownKeys)
        let tensors = Dictionary(uniqueKeysWithValues: files.tensors.map { ($0.name, $0) })

        let hidden = try fields.size("embedding_length")
        let layers = try fields.size("block_count")
        // Room for the layers is made before the first weight is looked for.
        guard layers <= ModelConfiguration.mostLayers else {
            throw fields.problem("block_count", "\(layers) is beyond \(ModelConfiguration.mostLayers)")
        }
        let heads = try fields.size("attention.head_count")
        let keyValueHeads = try fields.size("attention.head_count_kv", default: heads)
        guard heads.isMultiple(of: keyValueHeads) else {
            throw fields.problem("attention.head_count_kv", "\(keyValueHeads) does not divide \(heads) heads")
        }
        if !fields.contains("attention.key_length"), !hidden.isMultiple(of: heads) {
            throw fields.problem("attention.head_count", "\(heads) does not divide the embedding length \(hidden)")
        }
        let headSize = try fields.size("attention.key_length", default: hidden / heads)
        guard headSize.isMultiple(of: 2) else {
            throw fields.problem("attention.key_length", "\(headSize) is not even")
        }
        let valueSize = try fields.size("attention.value_length", default: headSize)
        guard valueSize == headSize else {
            throw fields.problem("attention.value_length", "\(valueSize) is not the key length \(headSize)")
        }
        let rotated = try fields.size("rope.dimension_count", default: headSize)
        guard rotated == headSize || traits.rotatesPart else {
            throw fields.problem(
                "rope.dimension_count", "\(rotated) of \(headSize) dimensions is not supported; all are")
        }
        let maxPositions = try fields.size("context_length")
        let vocabulary = try ModelConfiguration.vocabularySize(fields, tensors["token_embd.weight"])

        self.init(
            family: architecture.family, vocabularySize: vocabulary, hiddenSize: hidden, layerCount: layers,
            headCount: heads, keyValueHeadCount: keyValueHeads, headSize: headSize,
            intermediateSize: try fields.size("feed_forward_length"),
            normEpsilon: Float(try fields.positive("attention.layer_norm_rms_epsilon")),
            rotary: try RotaryConfiguration(fields, factors: tensors["rope_freqs.weight"], headSize: headSize),
            tiesEmbeddings: tensors["output.weight"] == nil, maxPositions: maxPositions,
            eosTokens: try ModelConfiguration.endTokens(metadata), bosToken: try metadata.token("bos"),
            padToken: try metadata.token("padding"))
        if traits.hasOptionalBiases {
            func anyLayer(has names: String...) -> Bool {
                names.contains { tensors["blk.0.\($0).bias"] != nil }
            }
            plan.hasAttentionBias = anyLayer(has: "attn_q", "attn_k", "attn_v")
            plan.hasOutputBias = anyLayer(has: "attn_output")
            plan.hasMLPBias = anyLayer(has: "ffn_gate", "ffn_up", "ffn_down")
        }
        try setWindow(fields, traits.windows)
        for token in eosTokens + [bosToken, padToken].compactMap(\.self) where Int(token) >= vocabulary {
            throw metadata.problem(
                "tokenizer.ggml", "names the special token \(token), outside the vocabulary of \(vocabulary)")
        }
        // What a folder's config.json would say.
        raw = document
        try traits.plan(fields, tensors, &self)
    }

    /// The rows of the embedding, on which all that counts the vocabulary must agree.
    private static func vocabularySize(_ fields: GGUFFields, _ embedding: StoredTensor?) throws -> Int {
        guard let embedding, embedding.shape.count == 2 else {
            throw FileError(fields.metadata.path, "holds no matrix 'token_embd.weight'")
        }
        let rows = embedding.shape[0]
        guard rows <= Int(Int32.max) else {
            throw FileError(fields.metadata.path, "'token_embd.weight' has \(rows) rows")
        }
        let claimed = try fields.size("vocab_size", default: rows)
        guard claimed == rows else {
            throw fields.problem("vocab_size", "is \(claimed), 'token_embd.weight' has \(rows) rows")
        }
        let key = "tokenizer.ggml.tokens"
        if let tokens = try fields.metadata.array(key) {
            guard tokens.kind == .string else { throw fields.metadata.problem(key, "must be an array of text") }
            guard tokens.count == rows else {
                throw fields.metadata.problem(
                    key, "has \(tokens.count) entries, 'token_embd.weight' has \(rows) rows")
            }
        }
        return rows
    }

    /// Tokens that end an answer: those that the file names, and the well-known ones among its control tokens, as
    /// llama.cpp has it: files name one end where the models have several.
    private static func endTokens(_ metadata: GGUFMetadata) throws -> [Int32] {
        var tokens: [Int32] = []
        func add(_ token: Int32?) {
            if let token, !tokens.contains(token) { tokens.append(token) }
        }
        for role in ["eos", "eot", "eom"] { add(try metadata.token(role)) }
        guard let spellings = try metadata.strings("tokenizer.ggml.tokens"),
            let types = try metadata.integers("tokenizer.ggml.token_type"), types.count == spellings.count
        else { return tokens }
        let control = 3
        for index in types.indices where types[index] == control && knownEnds.contains(spellings[index]) {
            add(Int32(exactly: index))
        }
        return tokens
    }

    private static let knownEnds: Set<String> = [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<|eom_id|>",
        "<EOT>", "_<EOT>", "<end_of_utterance>",
    ]

    /// Throws about settings that change what a model computes and that no supported architecture has.
    private static func refuseForeignFields(_ fields: GGUFFields, except own: Set<String>) throws {
        for key in ["expert_count", "expert_used_count"] {
            if let count = try fields.metadata.integer(fields.prefix + key), count != 0 {
                throw fields.problem(key, "\(count) means a mixture of experts, which is not supported")
            }
        }
        for key in [
            "logit_scale", "embedding_scale", "residual_scale", "attention.scale", "attention.clamp_kqv",
            "attn_logit_softcapping", "final_logit_softcapping", "attention.temperature_scale",
            "attention.max_alibi_bias",
        ] where !own.contains(key) {
            if let value = try fields.metadata.real(fields.prefix + key), value != 0 {
                throw fields.problem(key, "\(value) is not supported")
            }
        }
        let factor = "rope.scaling.attn_factor"
        if !own.contains(factor), let value = try fields.metadata.real(fields.prefix + factor), value != 1 {
            throw fields.problem(factor, "\(value) is not supported")
        }
        if try fields.metadata.boolean(fields.prefix + "use_parallel_residual") == true {
            throw fields.problem("use_parallel_residual", "is not supported")
        }
        if try fields.metadata.boolean(fields.prefix + "attention.causal") == false {
            throw fields.problem("attention.causal", "false is not supported")
        }
    }

    /// Reads the window of an architecture whose layers all have the same.
    private mutating func setWindow(_ fields: GGUFFields, _ windows: ModelFamily.Windows) throws {
        let key = "attention.sliding_window"
        guard windows != .planned, let number = try fields.metadata.integer(fields.prefix + key), number != 0 else {
            return
        }
        let window = try fields.size(key)
        guard windows == .everywhere || window >= maxPositions else {
            throw fields.problem(key, "\(window) is below the \(maxPositions) positions, which is not supported")
        }
        setWindow(window) { _ in true }
    }
}

extension GGUFMetadata {
    /// A special token's id by what it is for, `nil` where the file names none.
    package func token(_ role: String) throws -> Int32? {
        let key = "tokenizer.ggml.\(role)_token_id"
        guard let number = try integer(key) else { return nil }
        guard let token = Int32(exactly: number), token >= 0 else { throw problem(key, "\(number) is no token id") }
        return token
    }
}

extension RotaryConfiguration {
    /// - Parameter factors: the tensor `rope_freqs.weight`, which divides each frequency (Llama 3.1's scaling).
    fileprivate init(_ fields: GGUFFields, factors: StoredTensor?, headSize: Int) throws {
        let base = try fields.positive("rope.freq_base", default: 10000)
        let factorKey = fields.contains("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear"
        // A factor without a type is a linear one.
        let type = try fields.string("rope.scaling.type") ?? (fields.contains(factorKey) ? "linear" : "none")
        let scaling: Scaling
        switch type {
        case "none": scaling = .none
        case "linear":
            let factor = try fields.positive(factorKey)
            scaling = factor == 1 ? .none : .linear(factor: factor)
        default: throw fields.problem("rope.scaling.type", "\(type.shown) is not supported; none and linear are")
        }
        guard let factors else {
            self.init(base: base, scaling: scaling)
            return
        }
        let path = factors.file.path
        guard factors.shape == [headSize / 2] else {
            throw FileError(path, "tensor 'rope_freqs.weight' has shape \(factors.shape), not \([headSize / 2])")
        }
        guard factors.type.isFloatingPoint else {
            throw FileError(path, "tensor 'rope_freqs.weight' holds \(factors.encoding) values")
        }
        let divisors = try factors.tensor().scalars
        guard divisors.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw FileError(path, "tensor 'rope_freqs.weight' divides by what is no number above 0")
        }
        guard scaling == .none else {
            throw fields.problem("rope.scaling.type", "\(type.shown) beside 'rope_freqs.weight' is not supported")
        }
        self.init(base: base, scaling: divisors.allSatisfy { $0 == 1 } ? .none : .divided(by: divisors))
    }
}
