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

    /// Reads them from the target's folder; the decoder layers stay on disk, since training never runs them.
    ///
    /// - Throws: `FileError` or `TokenizerError` in one line.
    package init(folder: String) throws {
        let configuration = try ModelConfiguration(folder: folder)
        let stored = try WeightFolder(path: folder)
        let (vocabulary, hidden) = (configuration.vocabularySize, configuration.hiddenSize)
        let embedding = try stored.tensor("model.embed_tokens.weight", shape: [vocabulary, hidden])
        self.init(
            configuration: configuration, embedding: embedding,
            weight: configuration.tiesEmbeddings
                ? embedding : try stored.tensor("lm_head.weight", shape: [vocabulary, hidden]),
            fingerprint: TargetModel.fingerprint(configuration, stored),
            tokenizerFingerprint: try Tokenizer(folder: folder).fingerprint)
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
