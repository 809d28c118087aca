import FalconModels
import FalconTensor
import FalconWeights

/// A draft head for drafting: packed weights, no gradients. `DraftSession` runs it over one sequence.
///
/// From the features f of the last k positions and the tokens one step ahead it predicts the next k features
/// (Falcon, "Semi-autoregressive draft head"); the target's LM head turns those into candidates.
package final class DraftHead: Sendable {
    package let configuration: DraftConfiguration
    /// Of the head's products.
    package let arithmetic: ProductArithmetic
    /// The tokens that it ranks, where those are not all.
    package let vocabulary: VocabularySubset?
    let layers: [PackedDecoderLayer]
    /// `[k, hidden]`; see `NewestPair`.
    let offsets: Tensor?
    private let correction: PackedCorrection?
    /// The rows of the LM head by column, for those that are ranked again.
    private let rescoring: StoredMatrix?
    let fusion: PackedFusion
    let rotary: RotaryTable
    private let embed: @Sendable ([Int32]) -> Tensor
    private let ends: EmbeddingAndHead?
    /// The rows of the target's LM head that rank, where the target's own packed head does not.
    private let languageHead: PackedMatrix?

    /// Opens a folder with the head's `config.json` and weights and packs them.
    ///
    /// - Parameters:
    ///   - ends: those of the model to draft for: they lend the embedding to a head that is stored without one.
    ///   - fusion: overrides what the configuration says, for published checkpoints that do not say it.
    ///   - arithmetic: of the head's products and of the ranking; where it is left out both are as the target's, but 8
    ///     bits beside bfloat16 (for the ranking too, with a draft vocabulary) and for the head's products where the
    ///     target is in a file's own blocks; float32 without a target.
    ///   - allowsOtherTarget: whether a head of another target of the same sizes will do. What is decoded greedily is
    ///     the target's own with any head; it only takes longer with a wrong one.
    /// - Throws: `FileError` where a file is missing or damaged, the tensors are not those of the configuration, a
    ///   weight is infinite or not a number, or the head is another target's.
    package convenience init(
        folder: String, ends: EmbeddingAndHead? = nil, fusion: FusionKind? = nil, arithmetic: ProductArithmetic? = nil,
        allowsOtherTarget: Bool = false, pool: ThreadPool
    ) throws {
        let head = try DraftFolder(path: folder, fusion: fusion)
        try head.check()
        if let ends { try DraftTarget(ends).check(head, isAllowed: allowsOtherTarget, on: pool) }
        try self.init(
            head.configuration, weights: LayerWeights(head.weights, checkedOn: pool), vocabulary: head.vocabulary,
            ends: ends, arithmetic: arithmetic, pool: pool)
    }

    /// Packs a head in training as it stands: the same bits as packing it from a float32 file.
    ///
    /// - Parameter ends: those of its target.
    package convenience init(_ network: DraftNetwork, ends: EmbeddingAndHead, pool: ThreadPool) throws {
        let tensors = Dictionary(
            uniqueKeysWithValues: network.parameters.tensors.map { ($0.name, $0.tensor) })
        try self.init(
            network.configuration, weights: LayerWeights(tensors), vocabulary: network.vocabulary, ends: ends,
            pool: pool)
    }

    /// The same for a target that is loaded whole.
    package convenience init(
        folder: String, target: TargetModel, fusion: FusionKind? = nil, arithmetic: ProductArithmetic? = nil,
        allowsOtherTarget: Bool = false, pool: ThreadPool
    ) throws {
        try self.init(
            folder: folder, ends: target.ends, fusion: fusion, arithmetic: arithmetic,
            allowsOtherTarget: allowsOtherTarget, pool: pool)
    }

    /// Packs a head whose configuration is known.
    ///
    /// - Throws: `FileError` where a tensor is missing or has another shape.
    package init(
        _ configuration: DraftConfiguration, weights: LayerWeights, vocabulary: VocabularySubset? = nil,
        ends: EmbeddingAndHead?, arithmetic: ProductArithmetic? = nil, pool: ThreadPool
    ) throws {
        (self.configuration, self.vocabulary, self.ends) = (configuration, vocabulary, ends)
        // A head only proposes, and proposes as well in 8 bits as in bfloat16 (docs/performance.md), read in half the
        // time. It is not quantised by itself: as stored it would be read four to eight times as long as its target.
        let target = ends?.arithmetic ?? .float32
        self.arithmetic = arithmetic ?? (target == .stored || target == .bfloat16 ? .int8 : target)
        // The target's own packed head serves where it can; a file's own blocks are what they are: nothing is gained by
        // packing all of them twice.
        let ranking: ProductArithmetic =
            switch arithmetic {
            case .stored: target
            case nil: vocabulary != nil && target == .bfloat16 ? .int8 : target
            case let given?: given
            }
        languageHead = ends.flatMap { ends in
            vocabulary == nil && ranking == target
                ? nil : ends.packedHead(of: vocabulary, arithmetic: ranking, on: pool)
        }
        let arithmetic = self.arithmetic
        let model = configuration.model
        fusion = try PackedFusion(weights, configuration, arithmetic: arithmetic, on: pool)
        layers = try (0..<model.layerCount).map { index in
            try PackedDecoderLayer(
                weights.scope("layers.\(index)"), of: model, hasInputNorm: index > 0, arithmetic: arithmetic,
                on: pool)
        }
        offsets =
            configuration.hasNewestPair
            ? try weights.matrix(NewestPair.name, rows: configuration.blockSize, columns: model.hiddenSize).tensor()
            : nil
        correction =
            configuration.correctionRank > 0
            ? try PackedCorrection(
                weights, hidden: model.hiddenSize, rank: configuration.correctionRank, arithmetic: arithmetic, on: pool)
            : nil
        rescoring =
            configuration.correctionRank == 0
            ? nil
            : ends.map { ends in
                let rows = vocabulary.map { ends.head.rows($0.tokens) } ?? ends.head
                // Where they are few they are read once: blocks would be unpacked row by row in each pass.
                return 4 * rows.rows * rows.columns <= DraftHead.mostRescoringBytes
                    ? StoredMatrix(rows.tensor()) : rows
            }
        rotary = model.rotary.table(headSize: model.headSize)
        let name = "embed_tokens.weight"
        if let ends, !weights.contains(name) {
            // As it is stored, which is what the head learned from: the scale of some families is their layers' own.
            embed = { ends.embedding.gather($0) }
        } else {
            let matrix = try weights.matrix(name, rows: model.vocabularySize, columns: model.hiddenSize)
            embed = { matrix.gather($0) }
        }
    }

    /// Bytes of the packed weights of fusion, layers and correction.
    package var byteCount: Int {
        layers.reduce(fusion.byteCount + (correction?.byteCount ?? 0)) { $0 + $1.byteCount }
    }

    /// Bytes of the packed LM head that ranks, where it is not the target's.
    package var rankingByteCount: Int { languageHead?.byteCount ?? 0 }

    /// Ranks candidates: logits `[rows, tokens it ranks]` of features `[rows, hidden]`. A column is a token, or with a
    /// draft vocabulary a token's number there. For heads with a target.
    package func logits(_ features: Tensor, on pool: ThreadPool) -> Tensor {
        if let languageHead { return languageHead.multiply(features, on: pool) }
        guard let ends else { preconditionFailure("a head without a target ranks nothing") }
        return ends.logits(features, on: pool)
    }

    /// Whether a row of a block depends on the token that was chosen for the row before it.
    package var correctsBlocks: Bool { correction != nil }

    private static let mostRescoringBytes = 64 << 20

    /// So many of a row's best candidates are ranked again for each token that may stand before them.
    package static let rescoredCandidates = 128

    /// What blocks predict, the first row of each corrected by its own token, which is known before it is drafted.
    ///
    /// - Parameters:
    ///   - features: `[blocks * k, hidden]`.
    ///   - tokens: the newest one before each block.
    func correctingFirstRows(_ features: Tensor, tokens: [Int32], on pool: ThreadPool) -> Tensor {
        correcting(features, rows: tokens.indices.map { $0 * blockSize }, tokens: tokens, on: pool)
    }

    /// The same blocks, all rows but the first corrected by the tokens that were chosen for the rows before them.
    ///
    /// - Parameter chosen: the k tokens of each block.
    func correctingLaterRows(_ features: Tensor, _ chosen: [[Int32]], on pool: ThreadPool) -> Tensor {
        let size = blockSize
        return correcting(
            features, rows: chosen.indices.flatMap { block in (1..<size).map { block * size + $0 } },
            tokens: chosen.flatMap { $0.dropLast() }, on: pool)
    }

    private func correcting(_ features: Tensor, rows: [Int], tokens: [Int32], on pool: ThreadPool) -> Tensor {
        guard let correction, !rows.isEmpty else { return features }
        let difference = correction.difference(features.rows(rows), own: embed(tokens), on: pool)
        let width = features.width
        var result = features
        for (number, row) in rows.enumerated() {
            result.add(row * width..<(row + 1) * width, from: difference, at: number * width, on: pool)
        }
        return result
    }

    /// A row's logits for each of some tokens that may stand at the position that it predicts.
    ///
    /// The row was ranked once without knowing; of its best candidates the logits are moved by what the correction adds
    /// to the feature, the others' stay. Whatever is drawn from the result, it is fixed by row and token.
    ///
    /// - Parameters:
    ///   - base: the row's own logits, `[1, columns]`.
    ///   - feature: `[1, hidden]`.
    /// - Returns: `[tokens, columns]`.
    package func logits(correcting base: Tensor, feature: Tensor, tokens: [Int32], on pool: ThreadPool) -> Tensor {
        guard let correction, let rescoring else { preconditionFailure("a head that corrects nothing") }
        let best = base.largest(DraftHead.rescoredCandidates)[0].map(\.column)
        let difference = correction.difference(
            feature.rows([Int](repeating: 0, count: tokens.count)), own: embed(tokens), on: pool)
        let moved = difference.timesRows(of: rescoring.gather(best))
        var logits = base.rows([Int](repeating: 0, count: tokens.count))
        for row in tokens.indices {
            for (place, column) in best.enumerated() { logits[row, Int(column)] += moved[row, place] }
        }
        return logits
    }

    /// k: how many tokens a pass drafts.
    package var blockSize: Int { configuration.blockSize }

    /// The head's input: embedding of the next token beside the feature, `[rows, 2 * hidden]`.
    func inputs(features: Tensor, nextTokens: [Int32]) -> Tensor {
        precondition(
            features.rowCount == nextTokens.count && features.width == configuration.model.hiddenSize,
            "\(nextTokens.count) tokens for features of shape \(features.shape)")
        return Tensor.sideBySide(embed(nextTokens), features)
    }
}
