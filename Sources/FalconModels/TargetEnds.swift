import FalconTensor
import FalconWeights

/// A target's two ends: the token embedding and the LM head. They turn tokens into inputs and features into tokens;
/// with stored features they are all of the target that drafting needs, so its layers can stay on disk.
package final class TargetEnds: Sendable {
    package let configuration: ModelConfiguration
    /// Names the whole model's weights and the settings that change its features: 64 hexadecimal digits.
    package let fingerprint: String
    /// Of the product with the LM head; a draft head takes it over.
    package var arithmetic: ProductArithmetic { head.arithmetic }
    private let embeddingMatrix: StoredMatrix
    private let headMatrix: StoredMatrix
    private let head: PackedMatrix

    /// Opens a model's folder or GGUF file, and packs the LM head.
    ///
    /// - Parameter arithmetic: of the product with the LM head; `nil` as for `TargetModel`.
    /// - Throws: `FileError` where a file is missing or damaged, a setting is not supported, the tensors are not those
    ///   of the configuration, or a weight of the whole model is infinite or not a number.
    package convenience init(folder path: String, arithmetic: ProductArithmetic? = .float32, pool: ThreadPool) throws {
        try self.init(ModelSource(path: path), arithmetic: arithmetic, pool: pool)
    }

    /// Packs the LM head of a model.
    ///
    /// - Throws: as `init(folder:)`.
    package convenience init(
        _ source: ModelSource, arithmetic: ProductArithmetic? = .float32, pool: ThreadPool
    ) throws {
        let target = try source.open()
        // The layers, too, though nothing of them is kept: features and heads of a broken model are worth nothing.
        try target.checkValues(on: pool)
        try self.init(target, arithmetic: arithmetic, pool: pool)
    }

    /// Packs the LM head of a folder that is open.
    init(_ target: TargetFolder, arithmetic: ProductArithmetic?, pool: ThreadPool) throws {
        configuration = target.configuration
        fingerprint = TargetModel.fingerprint(target.configuration, target.weights)
        let weights = LayerWeights(target.weights, checkedOn: pool)
        let (vocabulary, hidden) = (configuration.vocabularySize, configuration.hiddenSize)
        embeddingMatrix = try weights.matrix("model.embed_tokens.weight", rows: vocabulary, columns: hidden)
        headMatrix =
            configuration.tiesEmbeddings
            ? embeddingMatrix : try weights.matrix("lm_head.weight", rows: vocabulary, columns: hidden)
        head = PackedMatrix(
            [headMatrix],
            arithmetic: try target.weights.arithmetic(arithmetic, isTied: configuration.tiesEmbeddings), on: pool)
        // It was read whole to be checked; of now on a row at a time is read.
        embeddingMatrix.releasePages()
    }

    /// The ends of a target that is known already, e.g. to its trainer.
    ///
    /// - Parameters:
    ///   - embedding: `[vocabulary, hidden]`.
    ///   - head: the LM head, of the same shape.
    package init(
        _ configuration: ModelConfiguration, fingerprint: String, embedding: StoredMatrix, head: StoredMatrix,
        arithmetic: ProductArithmetic = .float32, pool: ThreadPool
    ) {
        (self.configuration, self.fingerprint) = (configuration, fingerprint)
        (embeddingMatrix, headMatrix) = (embedding, head)
        self.head = PackedMatrix([head], arithmetic: arithmetic, on: pool)
    }

    /// Bytes of the packed LM head.
    package var byteCount: Int { head.byteCount }

    /// The LM head on features `[rows, hidden]`: logits `[rows, vocabulary]`.
    package func logits(_ features: Tensor, on pool: ThreadPool) -> Tensor { head.multiply(features, on: pool) }

    /// The most likely next token of each row of features, the lowest id where two are equally likely.
    package func greedyTokens(_ features: Tensor, on pool: ThreadPool) -> [Int32] {
        head.largestColumns(features, on: pool)
    }

    /// Embeddings `[tokens, hidden]` as the layers take them, scaled in some families.
    package func embed(_ tokens: [Int32]) -> Tensor {
        let (rows, scale) = (embeddingMatrix.gather(tokens), configuration.plan.embeddingScale)
        return scale == 1 ? rows : Tensor(rows.scalars.map { $0 * scale }, rows.shape)
    }

    /// The token embedding, `[vocabulary, hidden]`, where it is stored and as it is stored: for draft heads.
    package var embedding: StoredMatrix { embeddingMatrix }

    /// The LM head widened to float32, `[vocabulary, hidden]`, a new copy at each call: for training.
    package var headWeight: Tensor { headMatrix.tensor() }
}
