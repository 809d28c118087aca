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
/// `fusion`, which is Falcon's own. A configuration without `fusion` is the authors': its fusion is `gated`, and with
/// linear or dynamic position scaling its rotary base is 10000 whatever `rope_theta` says, as in their code.
package struct DraftConfiguration: Sendable, Equatable {
    /// The sizes of the head's decoder layers; vocabulary and hidden size are the target's.
    package var model: ModelConfiguration
    /// k: how many positions one pass predicts, and how far ahead each of them looks.
    package var blockSize: Int
    package var fusion: FusionKind
    /// Whether a linear fusion has `fc.bias`; the LSTM's biases are always there.
    package var hasLinearBias: Bool

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
            intermediateSize: target.intermediateSize, normEpsilon: target.normEpsilon, rotary: target.rotary,
            maxPositions: target.maxPositions, eosTokens: target.eosTokens, bosToken: target.bosToken,
            padToken: target.padToken)
        model.hasAttentionBias = target.hasAttentionBias
        self.blockSize = blockSize
        self.fusion = fusion
        hasLinearBias = true
    }

    /// Reads `config.json` of a draft head's folder.
    ///
    /// - Throws: `FileError` where something is missing, malformed or not supported.
    package init(folder: String) throws {
        let path = folder + "/config.json"
        let document = try JSONValue(path: path)
        guard let object = document.object else { throw FileError(path, "is \(document.kind), not an object") }
        try self.init(object, path: path)
    }

    /// Reads the members of a draft head's config.json.
    ///
    /// - Parameter path: where they come from, for messages.
    package init(_ object: JSONObject, path: String) throws {
        let fields = ConfigurationFields(object, path: path)
        model = try ModelConfiguration(object, path: path)
        guard fields["k_mask"] != nil else {
            throw fields.problem("k_mask", "is missing; a draft head needs its block size (1 for an EAGLE head)")
        }
        blockSize = try fields.size("k_mask")
        hasLinearBias = try fields.boolean("bias", default: true)
        if let name = try fields.string("fusion") {
            guard let kind = FusionKind(rawValue: name) else {
                let known = FusionKind.allCases.map(\.rawValue).joined(separator: ", ")
                throw fields.problem("fusion", "'\(name)' is not known; one of \(known)")
            }
            fusion = kind
        } else {
            fusion = .gated
            model.rotary = model.rotary.asInAuthorsDraftHead
        }
        // The head's layers are Llama's whatever the target is: a bias only where `qkv_bias` says so.
        model.family = .llama
        model.hasAttentionBias = try fields.boolean("qkv_bias", default: false)
        model.hasOutputBias = false
        model.hasMLPBias = false
        model.hasQueryKeyNorm = false
    }

    /// The members for a config.json, from which this configuration can be read again.
    package var document: JSONObject {
        var object = model.document
        // Llama's own switch would mean a bias of the output projection too.
        object["attention_bias"] = .boolean(false)
        object["qkv_bias"] = .boolean(model.hasAttentionBias)
        object["k_mask"] = .integer(blockSize)
        object["bias"] = .boolean(hasLinearBias)
        object["fusion"] = .string(fusion.rawValue)
        return object
    }

    /// Writes `config.json` into a folder, whole or not at all.
    package func write(folder: String) throws {
        try AtomicFile.write(folder + "/config.json", text: JSONValue.object(document).text(isPretty: true) + "\n")
    }
}
