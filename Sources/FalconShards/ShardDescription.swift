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

    package init(
        hiddenSize: Int, storage: FeatureStorage, maxLength: Int, targetFingerprint: String,
        tokenizerFingerprint: String
    ) {
        (self.hiddenSize, self.storage, self.maxLength) = (hiddenSize, storage, maxLength)
        (self.targetFingerprint, self.tokenizerFingerprint) = (targetFingerprint, tokenizerFingerprint)
    }

    enum CodingKeys: String, CodingKey {
        case hiddenSize = "hidden_size", storage = "dtype", maxLength = "max_length"
        case targetFingerprint = "target_fingerprint", tokenizerFingerprint = "tokenizer_fingerprint"
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
    }
}

/// The layout's names, in one place for writer and reader.
///
/// ```
/// shard-00000.h5
///   attributes   format, version, hidden_size, dtype, max_length, target_fingerprint, tokenizer_fingerprint
///   features        [tokens, hidden]   row i is f_i; chunks of whole rows, byte shuffle + zstd
///   feature_scales  [tokens] float32   for int8 only
///   tokens          [tokens] int32
///   loss_mask       [tokens] uint8
///   offsets         [sequences + 1] int64: sequence s is rows offsets[s] ..< offsets[s + 1]
///   ids             [sequences] text
/// ```
enum ShardLayout {
    static let format = "falcon-features"
    static let version = 1
    static let features = "features"
    static let scales = "feature_scales"
    static let tokens = "tokens"
    static let lossMask = "loss_mask"
    static let offsets = "offsets"
    static let ids = "ids"
}
