import FalconModels
import FalconTensor
import FalconTokenizer
import FalconWeights

/// What training a draft head needs of its target: the frozen embedding and LM head, and who it is.
package struct TargetHead: Sendable {
    package let configuration: ModelConfiguration
    /// `[vocabulary, hidden]`, left in its file.
    package let embedding: StoredMatrix
    /// `[vocabulary, hidden]`, left in its file.
    package let weight: StoredMatrix
    package let fingerprint: String
    package let tokenizerFingerprint: String

    /// Reads them from the target's folder; the decoder layers stay on disk, since training never runs them.
    ///
    /// - Throws: `FileError` or `TokenizerError` in one line.
    package init(folder: String) throws {
        let configuration = try ModelConfiguration(folder: folder)
        let stored = try WeightFolder(path: folder)
        let (vocabulary, hidden) = (configuration.vocabularySize, configuration.hiddenSize)
        let weights = LayerWeights(stored)
        let embedding = try weights.matrix("model.embed_tokens.weight", rows: vocabulary, columns: hidden)
        self.init(
            configuration: configuration, embedding: embedding,
            weight: configuration.tiesEmbeddings
                ? embedding : try weights.matrix("lm_head.weight", rows: vocabulary, columns: hidden),
            fingerprint: TargetModel.fingerprint(configuration, stored),
            tokenizerFingerprint: try Tokenizer(folder: folder).fingerprint)
    }

    package init(
        configuration: ModelConfiguration, embedding: StoredMatrix, weight: StoredMatrix, fingerprint: String,
        tokenizerFingerprint: String
    ) {
        self.configuration = configuration
        self.embedding = embedding
        self.weight = weight
        self.fingerprint = fingerprint
        self.tokenizerFingerprint = tokenizerFingerprint
    }
}
