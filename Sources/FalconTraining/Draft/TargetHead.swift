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
    /// Every weight is looked at all the same: a head of a broken target is worth nothing.
    ///
    /// - Parameter pool: what looks at them; `nil` for one thread.
    /// - Throws: `FileError` or `TokenizerError` in one line.
    package init(folder: String, on pool: ThreadPool? = nil) throws {
        let source = try ModelSource(path: folder)
        let target = try source.open()
        try target.checkValues(on: pool)
        let (configuration, stored) = (target.configuration, target.weights)
        let (vocabulary, hidden) = (configuration.vocabularySize, configuration.hiddenSize)
        let weights = LayerWeights(stored)
        let embedding = try weights.matrix("model.embed_tokens.weight", rows: vocabulary, columns: hidden)
        self.init(
            configuration: configuration, embedding: embedding,
            weight: configuration.tiesEmbeddings
                ? embedding : try weights.matrix("lm_head.weight", rows: vocabulary, columns: hidden),
            fingerprint: TargetModel.fingerprint(configuration, stored),
            tokenizerFingerprint: try source.tokenizer().fingerprint)
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
