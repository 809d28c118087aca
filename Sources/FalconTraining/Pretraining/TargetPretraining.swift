import FalconAutograd
import FalconNN
import FalconShards
import FalconTensor
import FalconTokenizer
import FalconWeights
import Foundation

/// Trains a small Llama from nothing on chats: next-token cross entropy over whole dialogues.
///
/// It exists so that a fresh checkout has a target to draft for, made by this toolkit's own engine.
package final class TargetPretraining: TrainingTask {
    package let kind = "target"
    package var random: [String: RandomSource] = [:]
    package var parameters: ParameterCollection { network.parameters }
    package var fingerprints: [String: String] { data.fingerprints }
    /// Where the finished model goes.
    package let modelFolder: String

    private let recipe: Recipe
    private let data: PretrainingData
    private let configuration: ModelConfiguration
    private let network: LlamaNetwork
    private let pool: ThreadPool
    private let sampler: LengthBucketSampler
    /// The batches of one epoch, which the loop takes one after the other.
    private var order: (epoch: Int, batches: [[Int]])?

    /// - Parameters:
    ///   - recipe: one with a `[pretrain]` section; traps otherwise.
    ///   - folder: the run's folder.
    /// - Throws: `FileError`, or the dataset reader's own error, in one line.
    package init(recipe: Recipe, folder: String, pool: ThreadPool, log: (String) -> Void) throws {
        guard let pretrain = recipe.pretrain else { preconditionFailure("a recipe without [pretrain]") }
        let model = recipe.model
        data = try PretrainingData(pretrain, model: model, folder: folder, log: log)
        configuration = ModelConfiguration(
            vocabularySize: model.vocabulary, hiddenSize: model.hidden, layerCount: model.layers,
            headCount: model.heads, keyValueHeadCount: model.keyValueHeads, intermediateSize: model.intermediate,
            rotary: RotaryConfiguration(base: model.ropeTheta), tiesEmbeddings: model.tieEmbeddings,
            maxPositions: model.maxPositions, eosTokens: [data.tokenizer.id(of: ChatMarks.turnEnd)].compactMap { $0 },
            padToken: data.tokenizer.id(of: ChatMarks.endOfText))
        network = try LlamaNetwork(
            configuration, .random(RandomSource(seed: UInt64(model.initSeed)).stream("weights")))
        modelFolder = pretrain.modelFolder.isEmpty ? folder + "/model" : pretrain.modelFolder
        sampler = data.training.sampler(
            tokensPerBatch: recipe.training.tokensPerBatch > 0
                ? recipe.training.tokensPerBatch : recipe.training.batchSize * pretrain.rowLength,
            seed: UInt64(recipe.training.seed))
        self.recipe = recipe
        self.pool = pool
        log("\(network.parameters.trainableCount) parameters")
    }

    package func batchCount(epoch: Int) -> Int { batches(epoch).count }

    package var largestBatch: Int {
        let lengths = data.training.rows.map(\.tokens.count)
        let sizes = batches(0).map { batch in batch.count * (batch.map { lengths[$0] }.max() ?? 0) }
        return sizes.indices.max { sizes[$0] < sizes[$1] } ?? 0
    }

    package func trainBatch(_ index: Int, slice: BatchSlice?, progress: TrainingProgress) throws -> BatchOutcome {
        let whole = batches(progress.epoch)[index]
        let rows = slice?.part(of: whole) ?? whole
        guard !rows.isEmpty else { return .nothing }
        let batch = data.training.batch(rows)
        var tape = Tape(
            on: pool, precision: ProductPrecision(recipe.training.precision), recomputes: recipe.training.recompute)
        let (loss, result) = crossEntropy(of: batch, tape: &tape)
        let weight = Double(batch.labels.count)
        let sum = result.skippedRows == 0 ? Double(loss.value.scalar) : .nan
        var metrics = MetricMeans()
        metrics.add("loss", sum: sum, weight: weight)
        metrics.add("accuracy_top1", sum: Double(result.correctRows), weight: weight)
        return BatchOutcome(
            backward: sum.isFinite ? BackwardPass(tape, of: loss) : nil, loss: sum / weight, weight: weight,
            tokens: batch.lengths.reduce(0, +), metrics: metrics, ids: batch.ids)
    }

    package func evaluate() throws -> MetricRecord {
        var metrics = MetricMeans()
        let rows = Array(data.validation.rows.indices.prefix(recipe.evaluation.sequences))
        for start in stride(from: 0, to: rows.count, by: recipe.training.batchSize) {
            let batch = data.validation.batch(Array(rows[start..<min(start + recipe.training.batchSize, rows.count)]))
            var tape = Tape(on: pool, recordsGradients: false)
            let (loss, result) = crossEntropy(of: batch, tape: &tape)
            metrics.add("loss", sum: Double(loss.value.scalar), weight: Double(batch.labels.count))
            metrics.add("accuracy_top1", sum: Double(result.correctRows), weight: Double(batch.labels.count))
        }
        var record = MetricRecord()
        record.append(metrics.record, prefix: "validation_")
        return record
    }

    package func merit(of evaluation: MetricRecord) -> Double? { evaluation.number("validation_loss").map { -$0 } }

    /// A checkpoint of this task is a model folder too, in float32.
    package func writeModel(to folder: String) throws {
        try writeModel(to: folder, as: .float32)
    }

    package func readModel(from folder: String) throws {
        let path = folder + "/model.safetensors"
        do {
            try network.parameters.load(StoredParameters(try SafetensorsFile(path: path)))
        } catch let error as StateDictError {
            throw FileError(path, error.description)
        }
    }

    /// Writes the model in bfloat16, as it is served.
    package func finish() throws {
        do {
            try FileManager.default.createDirectory(atPath: modelFolder, withIntermediateDirectories: true)
        } catch {
            throw FileError(modelFolder, "cannot be made: \(error.localizedDescription)")
        }
        try writeModel(to: modelFolder, as: .bfloat16)
    }

    private func writeModel(to folder: String, as type: ElementType) throws {
        try SafetensorsWriter.write(folder + "/model.safetensors", tensors: network.parameters.tensors, as: type)
        try PretrainedFolder(configuration, type: type, tokenizer: data.tokenizerFolder).write(folder)
    }

    private func crossEntropy(
        of batch: TokenRows.Batch, tape: inout Tape
    ) -> (loss: Variable, result: HeadCrossEntropy.Result) {
        let features = network.features(batch.tokens, lengths: batch.lengths, tape: &tape)
        let counting = tape.rows(of: features, at: batch.positions)
        return tape.headCrossEntropy(
            counting, headWeight: network.headWeight(tape: &tape), labels: batch.labels, denominator: 1)
    }

    private func batches(_ epoch: Int) -> [[Int]] {
        if let order, order.epoch == epoch { return order.batches }
        let batches = sampler.batches(ofEpoch: epoch)
        order = (epoch, batches)
        return batches
    }
}
