import FalconTensor
import FalconWeights

/// A target's token embedding and LM head, and who the target is. They turn tokens into inputs and features into
/// tokens; with stored features they are all of the target that drafting and training need, so its layers can stay on
/// disk.
package struct EmbeddingAndHead: Sendable {
    package let configuration: ModelConfiguration
    /// Names the whole model's weights and the settings that change its features: 64 hexadecimal digits.
    package let fingerprint: String
    /// The token embedding, `[vocabulary, hidden]`, where it is stored and as it is stored.
    package let embedding: StoredMatrix
    /// The LM head, of the same shape; the embedding itself in models that tie them.
    package let head: StoredMatrix
    /// `nil` where nobody asks for logits: training packs the head for each step in its own way.
    private let packed: PackedMatrix?

    /// Those of a target that is known already, left where they are stored.
    package init(_ configuration: ModelConfiguration, fingerprint: String, embedding: StoredMatrix, head: StoredMatrix)
    {
        self.init(configuration, fingerprint, embedding: embedding, head: head, packed: nil)
    }

    private init(
        _ configuration: ModelConfiguration, _ fingerprint: String, embedding: StoredMatrix, head: StoredMatrix,
        packed: PackedMatrix?
    ) {
        (self.configuration, self.fingerprint) = (configuration, fingerprint)
        (self.embedding, self.head, self.packed) = (embedding, head, packed)
    }

    /// Those of a model's folder or GGUF file, left there.
    ///
    /// Every weight of the model is looked at all the same: features and draft heads of a broken one are worth nothing.
    ///
    /// - Parameter pool: what looks at them; `nil` for one thread.
    /// - Throws: `FileError` where a file is missing or damaged, a setting is not supported, the tensors are not those
    ///   of the configuration, or a weight is infinite or not a number.
    package init(_ source: ModelSource, checkedOn pool: ThreadPool?) throws {
        let target = try source.open()
        try target.checkValues(on: pool)
        try self.init(target, LayerWeights(target.weights))
    }

    /// Those of a model's folder or GGUF file, the LM head packed.
    ///
    /// - Parameter arithmetic: of the product with the LM head; `nil` as for `TargetModel`.
    /// - Throws: as `init(_:checkedOn:)`.
    package init(_ source: ModelSource, arithmetic: ProductArithmetic? = .float32, pool: ThreadPool) throws {
        let target = try source.open()
        try target.checkValues(on: pool)
        try self.init(target, arithmetic: arithmetic, pool: pool)
    }

    /// The same by its path.
    package init(folder path: String, arithmetic: ProductArithmetic? = .float32, pool: ThreadPool) throws {
        try self.init(ModelSource(path: path), arithmetic: arithmetic, pool: pool)
    }

    /// Packs the LM head of a folder that is open; of its weights only these two are looked at.
    init(_ target: TargetFolder, arithmetic: ProductArithmetic?, pool: ThreadPool) throws {
        let arithmetic = try target.weights.arithmetic(arithmetic, isTied: target.configuration.tiesEmbeddings)
        self = try EmbeddingAndHead(target, LayerWeights(target.weights, checkedOn: pool))
            .packed(for: arithmetic, on: pool)
        // It was read whole to be checked; of now on a row at a time is read.
        embedding.releasePages()
    }

    private init(_ target: TargetFolder, _ weights: LayerWeights) throws {
        let configuration = target.configuration
        let (vocabulary, hidden) = (configuration.vocabularySize, configuration.hiddenSize)
        let embedding = try weights.matrix("model.embed_tokens.weight", rows: vocabulary, columns: hidden)
        self.init(
            configuration, fingerprint: TargetModel.fingerprint(configuration, target.weights), embedding: embedding,
            head: configuration.tiesEmbeddings
                ? embedding : try weights.matrix("lm_head.weight", rows: vocabulary, columns: hidden))
    }

    /// The same with the LM head packed, for logits.
    package func packed(for arithmetic: ProductArithmetic = .float32, on pool: ThreadPool) -> EmbeddingAndHead {
        EmbeddingAndHead(
            configuration, fingerprint, embedding: embedding, head: head,
            packed: PackedMatrix([head], arithmetic: arithmetic, on: pool))
    }

    private var product: PackedMatrix {
        guard let packed else { preconditionFailure("logits of an LM head that was not packed") }
        return packed
    }

    /// Of the product with the LM head; a draft head takes it over.
    package var arithmetic: ProductArithmetic { product.arithmetic }

    /// Bytes of the packed LM head.
    package var byteCount: Int { product.byteCount }

    /// The LM head on features `[rows, hidden]`: logits `[rows, vocabulary]`.
    package func logits(_ features: Tensor, on pool: ThreadPool) -> Tensor { product.multiply(features, on: pool) }

    /// The LM head packed once more, for a draft head: of some tokens only, or in another arithmetic.
    ///
    /// In the target's arithmetic the logits have the bits of the whole head's, for each is a sum of its own.
    ///
    /// - Parameters:
    ///   - subset: the tokens, in this order; all where it is `nil`.
    ///   - arithmetic: the target's where it is `nil`.
    package func packedHead(
        of subset: VocabularySubset?, arithmetic: ProductArithmetic?, on pool: ThreadPool
    ) -> PackedMatrix {
        PackedMatrix(
            [subset.map { head.rows($0.tokens) } ?? head], arithmetic: arithmetic ?? self.arithmetic, on: pool)
    }

    /// The most likely next token of each row of features, the lowest id where two are equally likely.
    package func greedyTokens(_ features: Tensor, on pool: ThreadPool) -> [Int32] {
        product.largestColumns(features, on: pool)
    }

    /// Embeddings `[tokens, hidden]` as the layers take them, scaled in some families.
    package func embed(_ tokens: [Int32]) -> Tensor {
        let (rows, scale) = (embedding.gather(tokens), configuration.plan.embeddingScale)
        return scale == 1 ? rows : Tensor(rows.scalars.map { $0 * scale }, rows.shape)
    }
}
