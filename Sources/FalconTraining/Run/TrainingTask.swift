import FalconAutograd
import FalconNN
import FalconShards
import FalconTensor

/// Something that `TrainingLoop` can train: it owns the weights and the data, and knows how a batch becomes gradients.
package protocol TrainingTask: AnyObject {
    /// `draft` or `target`, for `state.json`.
    var kind: String { get }
    /// The weights.
    var parameters: ParameterCollection { get }
    /// How many values the model file of a checkpoint holds.
    var modelValueCount: Int { get }
    /// Random sources by name; saved and restored with every checkpoint.
    var random: [String: RandomSource] { get set }
    /// What the weights belong to, e.g. the target's fingerprint.
    var fingerprints: [String: String] { get }

    /// How many batches an epoch has.
    func batchCount(epoch: Int) -> Int

    /// The batch of the first epoch that needs the most memory.
    var largestBatch: Int { get }

    /// Runs one batch forward; the loop runs it backward.
    ///
    /// - Parameters:
    ///   - index: the batch's number in the epoch's order; the loop asks for them one after the other.
    ///   - slice: the part of it to run, whose outcome must then depend on nothing that another part draws or counts;
    ///     `nil`: the whole batch. The loop asks for one slice of all of a step's batches, then for the next.
    ///   - progress: where in the run this is.
    func trainBatch(_ index: Int, slice: BatchSlice?, progress: TrainingProgress) throws -> BatchOutcome

    /// Measures the held-out data with the weights as they are, under the names that `metrics.jsonl` has; empty where
    /// there is none.
    func evaluate() throws -> MetricRecord
    /// How good the weights of an evaluation are, larger is better; decides which checkpoint is `best`. `nil` where the
    /// evaluation does not say.
    func merit(of evaluation: MetricRecord) -> Double?

    /// Writes `model.safetensors`, `config.json` and what else makes the weights usable, into a checkpoint's folder.
    func writeModel(to folder: String) throws
    /// Reads the weights back.
    func readModel(from folder: String) throws
    /// Called once when the run has ended, early or not, after its last checkpoint.
    func finish() throws
}

extension TrainingTask {
    package var modelValueCount: Int { parameters.all.reduce(0) { $0 + $1.value.count } }

    /// Runs one whole batch forward.
    package func trainBatch(_ index: Int, progress: TrainingProgress) throws -> BatchOutcome {
        try trainBatch(index, slice: nil, progress: progress)
    }
}

/// Where in a run a batch is.
package struct TrainingProgress: Sendable {
    /// From 0.
    package let epoch: Int
    package let epochs: Int
    /// Optimizer steps done before this one.
    package let step: Int
    package let totalSteps: Int
}

/// What came out of a batch.
package struct BatchOutcome {
    /// The way back from the loss summed over all that counts: dividing the sum over the batches of a step by the sum
    /// of their weights gives the gradient of the mean, however the step was cut into batches. `nil` where nothing
    /// counts, or where the loss is not finite.
    package var backward: BackwardPass?
    /// The mean loss, for the check that it is a number.
    package var loss: Double
    /// Positions that count in the loss.
    package var weight: Double
    /// Tokens of the batch, for the rate.
    package var tokens: Int
    package var metrics: MetricMeans
    /// The sequences of the batch, to name the one to blame.
    package var ids: [String]

    /// Of a slice without sequences.
    static var nothing: BatchOutcome {
        BatchOutcome(backward: nil, loss: 0, weight: 0, tokens: 0, metrics: MetricMeans(), ids: [])
    }
}
