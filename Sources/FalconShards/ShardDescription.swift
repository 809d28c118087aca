import FalconTensor

/// What all shards of a folder have in common; each carries it in its root attributes.
package struct ShardDescription: Sendable, Equatable, Codable {
    /// Width of a feature.
    package let hiddenSize: Int
    package let storage: FeatureStorage
    /// No sequence has more tokens.
    package let maxLength: Int
    /// Of the target model that made the features.
    package let targetFingerprint: String
    /// Of the tokenizer that made the tokens.
    package let tokenizerFingerprint: String
    /// N of the `TeacherStatistics` beside the features; `nil` where there are none.
    package let teacherEntries: Int?
    /// Layers whose hidden states are stored beside the features, ascending; `nil` for none, as in shards from before
    /// there were any.
    private let storedLayers: [Int]?
    /// Layers whose hidden states are stored beside the features (`AuxiliaryFeatures`), ascending.
    package var auxiliaryLayers: [Int] { storedLayers ?? [] }

    package init(
        hiddenSize: Int, storage: FeatureStorage, maxLength: Int, targetFingerprint: String,
        tokenizerFingerprint: String, teacherEntries: Int? = nil, auxiliaryLayers: [Int] = []
    ) {
        storedLayers = auxiliaryLayers.isEmpty ? nil : auxiliaryLayers
        self.teacherEntries = teacherEntries
        (self.hiddenSize, self.storage, self.maxLength) = (hiddenSize, storage, maxLength)
        (self.targetFingerprint, self.tokenizerFingerprint) = (targetFingerprint, tokenizerFingerprint)
    }

    enum CodingKeys: String, CodingKey {
        case hiddenSize = "hidden_size", storage = "dtype", maxLength = "max_length"
        case targetFingerprint = "target_fingerprint", tokenizerFingerprint = "tokenizer_fingerprint"
        case teacherEntries = "teacher_entries", storedLayers = "auxiliary_layers"
    }

    /// The first field in which another description differs, worded for an error; `nil` where they agree.
    package func difference(from other: ShardDescription) -> String? {
        func differ(_ key: CodingKeys, _ mine: String, _ theirs: String) -> String? {
            mine == theirs ? nil : "\(key.rawValue) is \(mine), not \(theirs)"
        }
        return differ(.hiddenSize, "\(hiddenSize)", "\(other.hiddenSize)")
            ?? differ(.storage, storage.rawValue, other.storage.rawValue)
            ?? differ(.maxLength, "\(maxLength)", "\(other.maxLength)")
            ?? differ(.targetFingerprint, targetFingerprint, other.targetFingerprint)
            ?? differ(.tokenizerFingerprint, tokenizerFingerprint, other.tokenizerFingerprint)
            ?? differ(.teacherEntries, "\(teacherEntries ?? 0)", "\(other.teacherEntries ?? 0)")
            ?? differ(.storedLayers, layerWords, other.layerWords)
    }

    private var layerWords: String { auxiliaryLayers.isEmpty ? "none" : LayerNumbers.text(auxiliaryLayers) }

    /// Columns of the hidden states beside a feature.
    package var auxiliaryWidth: Int { auxiliaryLayers.count * hiddenSize }

    /// Bytes that a token takes before compression, its mask and all that stands beside its features included.
    package var rawBytesPerToken: Int {
        let rows = auxiliaryLayers.isEmpty ? 1 : 2
        return (hiddenSize + auxiliaryWidth) * storage.size + (storage == .int8 ? 4 * rows : 0) + 5
            + (teacherEntries.map { 8 * $0 + 4 } ?? 0)
    }
}

/// The layout's names, in one place for writer and reader.
///
/// ```
/// shard-00000.h5
///   attributes   format, version, hidden_size, dtype, max_length, target_fingerprint, tokenizer_fingerprint
///   features        [tokens, hidden]   row i is f_i; chunks of whole rows, byte shuffle + zstd
///   feature_scales  [tokens] float32   for int8 only
///   auxiliary_features  [tokens, layers * hidden]   with the attribute auxiliary_layers, "8,16", only; as features
///   auxiliary_scales    [tokens] float32            are stored: see `AuxiliaryFeatures`
///   tokens          [tokens] int32
///   loss_mask       [tokens] uint8
///   teacher_tokens, teacher_log_probabilities  [tokens, entries] int32, float32   with the attribute
///   teacher_log_normalizer                     [tokens] float32                   teacher_entries only
///   offsets         [sequences + 1] int64: sequence s is rows offsets[s] ..< offsets[s + 1]
///   ids             [sequences] text
/// ```
enum ShardLayout {
    static let format = "falcon-features"
    static let version = 1
    static let features = "features"
    static let scales = "feature_scales"
    static let auxiliaryLayers = "auxiliary_layers"
    static let auxiliary = "auxiliary_features"
    static let auxiliaryScales = "auxiliary_scales"
    static let tokens = "tokens"
    static let lossMask = "loss_mask"
    static let offsets = "offsets"
    static let ids = "ids"
    static let teacherEntries = "teacher_entries"
    static let teacherTokens = "teacher_tokens"
    static let teacherLogProbabilities = "teacher_log_probabilities"
    static let teacherLogNormalizer = "teacher_log_normalizer"
}
