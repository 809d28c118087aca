import FalconModels
import FalconTensor
import FalconTokenizer
import FalconWeights

/// What training a draft head needs of its target: the frozen embedding and LM head, and who it is.
package struct TargetHead: Sendable {
    package let configuration: ModelConfiguration
    /// `[vocabulary, hidden]`.
    package let embedding: Tensor
    /// `[vocabulary, hidden]`.
    package let weight: Tensor
    package let fingerprint: String
    package let tokenizerFingerprint: String

    /// Reads them from the target's folder.
    ///
    /// - Throws: `FileError` or `TokenizerError` in one line.
    package init(folder: String, pool: ThreadPool) throws {
        let model = try TargetModel(folder: folder, pool: pool)
        self.init(
            configuration: model.configuration, embedding: model.embedding, weight: model.headWeight,
            fingerprint: model.fingerprint, tokenizerFingerprint: try Tokenizer(folder: folder).fingerprint)
    }

    package init(
        configuration: ModelConfiguration, embedding: Tensor, weight: Tensor, fingerprint: String,
        tokenizerFingerprint: String
    ) {
        self.configuration = configuration
        self.embedding = embedding
        self.weight = weight
        self.fingerprint = fingerprint
        self.tokenizerFingerprint = tokenizerFingerprint
    }
}
