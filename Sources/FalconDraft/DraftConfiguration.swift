import FalconJSON
import FalconTensor
import FalconWeights

/// How the draft head folds a token's embedding and a feature, `[2 * hidden]`, into one vector `[hidden]`.
package enum FusionKind: String, Sendable, CaseIterable, Codable {
    /// Two LSTM layers that recur over positions (the paper, section 3.1).
    case lstm
    /// The same parameters without recurrence: every position starts from a zero state, which is what the authors'
    /// code computes and what published weights were trained with.
    case gated
    /// One linear layer (EAGLE).
    case linear
}

/// The shape and constants of a draft head: `config.json` beside its weights.
///
/// It is a Llama configuration with `k_mask` (the block size), `bias` and `qkv_bias` as the authors write them, and
/// `fusion`, which is Falcon's own. A configuration without `fusion` is the authors': its fusion is `gated`, or
/// `linear` where the weights are a linear layer's (EAGLE-1), and with linear or dynamic position scaling its rotary
/// base is 10000 whatever `rope_theta` says, as in their code. `draft_vocabulary_size` is Falcon's own, too. A
/// `dropout` is for training, where the recipe's counts.
package struct DraftConfiguration: Sendable, Equatable {
    /// The sizes of the head's decoder layers; vocabulary and hidden size are the target's.
    package var model: ModelConfiguration
    /// k: how many positions one pass predicts, and how far ahead each of them looks.
    package var blockSize: Int
    package var fusion: FusionKind
    /// Whether the fusion has biases: `fc.bias`, or the four of the LSTM (`bias` of the authors' class).
    package var hasFusionBias: Bool
    /// N: how many tokens the head ranks, which its weights name; `nil` where it ranks all of the target's.
    package var draftVocabularySize: Int?
    /// Whether all rows of a block start from its newest position (see `NewestPair`).
    package var hasNewestPair = false
    /// How wide the correction inside a block is (see `BlockCorrection`); 0: there is none.
    package var correctionRank = 0
    /// Layers of the target whose states the head reads beside the features, ascending (see `AuxiliaryInput`).
    package var auxiliaryLayers: [Int] = []

    /// A new head for a target: its layers have the target's sizes, positions and attention biases.
    ///
    /// - Parameters:
    ///   - layerCount: decoder layers; the paper's head has one.
    ///   - blockSize: k, 1 for EAGLE's one token at a time.
    package init(target: ModelConfiguration, blockSize: Int, layerCount: Int = 1, fusion: FusionKind = .lstm) {
        precondition(blockSize >= 1 && layerCount >= 1, "a head with blocks of \(blockSize) and \(layerCount) layers")
        model = ModelConfiguration(
            vocabularySize: target.vocabularySize, hiddenSize: target.hiddenSize, layerCount: layerCount,
            headCount: target.headCount, keyValueHeadCount: target.keyValueHeadCount, headSize: target.headSize,
            intermediateSize: target.intermediateSize, normEpsilon: target.normEpsilon,
            rotary: target.plan.isClassic ? target.rotary : RotaryConfiguration(base: target.rotary.base),
            maxPositions: target.maxPositions, eosTokens: target.eosTokens, bosToken: target.bosToken,
            padToken: target.padToken)
        model.plan.hasAttentionBias = target.plan.hasAttentionBias
        self.blockSize = blockSize
        self.fusion = fusion
        hasFusionBias = true
    }

    /// Reads the members of a draft head's config.json.
    ///
    /// - Parameters:
    ///   - path: where they come from, for messages.
    ///   - weights: those beside it. They tell an EAGLE-1 head, which has `fc.weight` and neither `k_mask` nor
    ///     `fusion`, and what Falcon noted in them must be what the configuration says.
    ///   - override: the fusion to take in place of what is said.
    /// - Throws: `FileError` where something is missing, malformed, not supported or contradicted.
    package init(
        _ object: JSONObject, path: String, weights: WeightFolder? = nil, fusion override: FusionKind? = nil
    )
        throws
    {
        let fields = ConfigurationFields(object, path: path)
        model = try ModelConfiguration(object, path: path)
        let said = try DraftConfiguration.fusion(fields)
        let noted = DraftConfiguration.Noted(weights?.metadata ?? [:])
        // The linear layer's weight is its own sign: no other fusion has it.
        let isLinear = weights.map { $0.contains("fc.weight") && !$0.contains("lstm.weight_ih_l0") } ?? false
        let isEagle = isLinear && said == nil && noted.fusion == nil

        if fields["k_mask"] != nil {
            blockSize = try fields.size("k_mask")
            if let size = noted.blockSize, size != blockSize {
                throw fields.problem(
                    "k_mask", "is \(blockSize), but the weights were trained with \(size); set it to \(size)")
            }
        } else if isEagle {
            blockSize = 1
        } else if let size = noted.blockSize {
            throw fields.problem("k_mask", "is missing; the weights were trained with \(size): add \"k_mask\": \(size)")
        } else {
            throw fields.problem("k_mask", "is missing; a draft head needs its block size (1 for an EAGLE head)")
        }

        if let override {
            fusion = override
        } else if said == nil, noted.fusion == nil, let made = fields["target_fingerprint"]?.string, !made.isEmpty {
            // Nobody but Falcon notes that, and Falcon names the fusion beside it.
            throw fields.problem(
                "fusion",
                "is missing, though the head is one of Falcon's: add \"fusion\" as it was trained ("
                    + (isLinear ? "\"linear\"" : "\"lstm\" or \"gated\"; its recipe says which")
                    + "), or give --fusion")
        } else if let own = noted.fusion, said?.rawValue != own {
            throw fields.problem(
                "fusion",
                (said.map { "is '\($0.rawValue)', but" } ?? "is missing;")
                    + " the weights were trained with \(own): set \"fusion\": \"\(own)\", or give --fusion to mean it")
        } else {
            fusion = said ?? (isLinear ? .linear : .gated)
        }
        // Published EAGLE-1 heads come with and without a bias, whatever they say of it.
        let hasBias = isEagle ? weights?.contains("fc.bias") ?? true : true
        hasFusionBias = try fields.boolean("bias", default: hasBias)
        if isEagle, weights?.contains("fc.bias") == true { hasFusionBias = true }
        hasNewestPair = try fields.boolean(NewestPair.key, default: false)
        if fields[BlockCorrection.key] != nil {
            correctionRank = try fields.size(BlockCorrection.key)
            guard correctionRank <= model.hiddenSize else {
                throw fields.problem(
                    BlockCorrection.key, "is \(correctionRank), more than the hidden size of \(model.hiddenSize)")
            }
        }
        if let layers = fields[AuxiliaryInput.key] {
            auxiliaryLayers = (layers.array ?? []).compactMap(\.integer)
            guard let list = layers.array, !list.isEmpty, list.count == auxiliaryLayers.count,
                LayerNumbers.areAscending(auxiliaryLayers)
            else {
                throw fields.problem(
                    AuxiliaryInput.key,
                    "must be a list of layers' numbers that ascend from 1 on, as in [8, 16], not \(layers.text())")
            }
        }
        if fields[DraftVocabulary.key] != nil {
            let size = try fields.size(DraftVocabulary.key)
            guard size <= model.vocabularySize else {
                throw fields.problem(
                    DraftVocabulary.key, "is \(size), but there are \(model.vocabularySize) tokens in all")
            }
            draftVocabularySize = size
        }
        // Only in training is a value dropped, and there the recipe's rate counts; but torch has none beyond 1 either.
        if let dropout = fields["dropout"], !(dropout.double.map { (0...1).contains($0) } ?? false) {
            throw fields.problem("dropout", "must be a number from 0 to 1, not \(dropout.text())")
        }
        if said == nil { model.rotary = model.rotary.asInAuthorsDraftHead }
        // The head's layers are Llama's whatever the target is: a bias only where `qkv_bias` says so.
        guard !model.plan.layers.contains(where: { $0.window != nil }) else {
            throw fields.problem("sliding_window", "is not supported in a draft head")
        }
        model.family = .llama
        model.plan = DecoderPlan()
        model.plan.hasAttentionBias = try fields.boolean("qkv_bias", default: false)
    }

    /// Reads `config.json` of a draft head's folder, and looks at no weights.
    ///
    /// - Throws: `FileError` where something is missing, malformed or not supported.
    package init(folder: String) throws {
        let path = folder + "/config.json"
        let document = try JSONValue(path: path)
        guard let object = document.object else { throw FileError(path, "is \(document.kind), not an object") }
        try self.init(object, path: path)
    }

    /// What the metadata of weights says of them.
    private struct Noted {
        let fusion: String?
        let blockSize: Int?

        init(_ metadata: [String: String]) {
            fusion = metadata[DraftMetadata.fusion]
            blockSize = metadata[DraftMetadata.blockSize].flatMap { Int($0) }
        }
    }

    private static func fusion(_ fields: ConfigurationFields) throws -> FusionKind? {
        guard let name = try fields.string("fusion") else { return nil }
        guard let kind = FusionKind(rawValue: name) else {
            let known = FusionKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw fields.problem("fusion", "'\(name)' is not known; one of \(known)")
        }
        return kind
    }

    /// The members for a config.json, from which this configuration can be read again.
    package var document: JSONObject {
        var object = model.document
        // Llama's own switch would mean a bias of the output projection too.
        object["attention_bias"] = .boolean(false)
        object["qkv_bias"] = .boolean(model.plan.hasAttentionBias)
        object["k_mask"] = .integer(blockSize)
        object["bias"] = .boolean(hasFusionBias)
        object["fusion"] = .string(fusion.rawValue)
        object[NewestPair.key] = hasNewestPair ? .boolean(true) : nil
        object[BlockCorrection.key] = correctionRank > 0 ? .integer(correctionRank) : nil
        object[AuxiliaryInput.key] =
            auxiliaryLayers.isEmpty ? nil : .array(auxiliaryLayers.map { .integer($0) })
        object[DraftVocabulary.key] = draftVocabularySize.map { .integer($0) }
        return object
    }

    /// Writes `config.json` into a folder, whole or not at all.
    package func write(folder: String) throws {
        try AtomicFile.write(folder + "/config.json", text: JSONValue.object(document).text(isPretty: true) + "\n")
    }
}
