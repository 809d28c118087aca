import FalconAutograd
import FalconDraft
import FalconShards
import FalconTensor

/// Measures a draft head on the held-out sequences, teacher-forced: without glancing, noise or dropout. What it then
/// does in decoding, `ReplayEvaluation` finds out.
///
/// Positions are taken where drafting happens, whatever mask the training uses, so that figures of different recipes
/// compare.
struct DraftValidation {
    private let recipe: Recipe
    private let source: any FeatureSequences
    private let indices: [Int]
    private let loss: DraftLoss
    /// The target's head, `[vocabulary, hidden]`.
    private let weight: StoredMatrix
    private let vocabulary: VocabularySubset?
    private let precision: ProductPrecision
    private let pool: ThreadPool

    init(
        recipe: Recipe, source: any FeatureSequences, indices: [Int], weight: StoredMatrix,
        vocabulary: VocabularySubset? = nil, precision: ProductPrecision, pool: ThreadPool
    ) {
        self.recipe = recipe
        self.source = source
        self.indices = Array(indices.prefix(recipe.evaluation.sequences))
        var section = recipe.loss
        // The same labels at every evaluation.
        section.hardLabel = .argmax
        loss = DraftLoss(recipe: section)
        (self.weight, self.vocabulary, self.precision) = (weight, vocabulary, precision)
        self.pool = pool
    }

    /// The sequences in batches that are no larger than those of training.
    private var parts: [[Int]] {
        var parts: [[Int]] = []
        var longest = 0
        for index in indices {
            let length = min(source.sequences[index].length, recipe.data.maxLength)
            longest = max(longest, length)
            let count = (parts.last?.count ?? 0) + 1
            let fits =
                switch recipe.training.batchLimit {
                case .sequences(let size): count <= size
                case .paddedTokens(let tokens): count * longest <= tokens
                }
            if fits, !parts.isEmpty {
                parts[parts.count - 1].append(index)
            } else {
                parts.append([index])
                longest = length
            }
        }
        return parts
    }

    /// Losses, accuracies by block offset, and the estimated accept length. Empty where nothing is held out.
    func evaluate(_ network: DraftNetwork) throws -> MetricRecord {
        var metrics = MetricMeans()
        var accuracy = BlockAccuracy(blockSize: recipe.draft.blockSize)
        guard !parts.isEmpty else { return metrics.record }
        let heads = LossHeads(
            weight, vocabulary: vocabulary, precision: precision, needsGradient: false, on: pool)
        for part in parts {
            let batch = TrainingBatch(
                try source.finiteBatch(part, limit: recipe.data.maxLength, on: pool),
                blockSize: recipe.draft.blockSize, maskShift: .target, maxLength: recipe.data.maxLength,
                layers: recipe.draft.auxiliaryLayers)
            let rows = batch.countingRows()
            guard !rows.isEmpty else { continue }
            let predicted = network.features(
                batch.features, states: batch.states, nextTokens: batch.nextTokens, lengths: batch.lengths, on: pool)
            var tape = Tape(on: pool, recordsGradients: false)
            var unused = RandomSource(seed: 0)
            let (_, result) = loss(
                predicted: Tape.constant(predicted.rows(at: rows)), target: batch.targetFeatures.rows(at: rows),
                heads: heads,
                dataTokens: [], random: &unused, tape: &tape)
            let weight = Double(rows.count)
            metrics.add("loss", sum: result.total, weight: weight)
            metrics.add("feature_loss", sum: result.feature, weight: weight)
            metrics.add("soft_loss", sum: result.soft, weight: weight)
            metrics.add("hard_loss", sum: result.hard, weight: weight)
            accuracy.add(rows: rows, ranks: result.ranks.map { $0 ?? .max }, time: batch.time)
        }
        var record = metrics.record
        guard !record.entries.isEmpty else { return record }
        var means = MetricMeans()
        accuracy.add(to: &means)
        record.append(means.record)
        record["block_prefix"] = .numbers(accuracy.prefixShares)
        record["accept_length"] = .number(accuracy.acceptLength(depths: recipe.evaluation.depths))
        return record
    }
}
