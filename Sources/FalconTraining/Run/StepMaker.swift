import FalconNN
import FalconTensor

/// How a step's batches become gradients, and these a move of the weights.
protocol StepMaker: AnyObject {
    /// Moves of the weights so far.
    var stepCount: Int { get }
    /// Bytes of both moments that this process keeps.
    var momentByteCount: Int { get }
    /// Takes down when what happens, where steps have parts worth telling.
    var clock: StepClock? { get }

    /// Runs batches forward and backward and keeps the sum of their gradients.
    ///
    /// - Parameter leaveOut: told of each that has no finite loss, which then has no part in the sum; may throw.
    func gather(
        _ batches: Range<Int>, progress: TrainingProgress, leaveOut: (_ reason: String, _ ids: [String]) throws -> Void
    ) throws -> StepOutcome

    /// Moves all weights by what was gathered, once it is known that every gradient is finite: a step is taken as a
    /// whole or not at all.
    ///
    /// - Returns: the length of the scaled gradient before clipping; where it is not finite, nothing has moved.
    func move(scale: Float, rate: Double) throws -> Double

    /// Writes the optimizer's state; on ranks other than the first, which alone writes, hands it what it lacks.
    ///
    /// - Parameter path: `nil` on the other ranks.
    func write(_ path: String?) throws

    /// Takes over a saved state.
    ///
    /// - Throws: `StateDictError`, or the reader's own error.
    func load(_ saved: StoredParameters) throws
}

/// What a step's batches gave beside their gradient.
struct StepOutcome {
    /// Positions that count in the loss.
    var weight = 0.0
    var tokens = 0
    var metrics = MetricMeans()
    /// The sequences that the gradient comes from.
    var ids: [String] = []
}

extension AdamW.Configuration {
    init(_ recipe: OptimizerSection) {
        self.init(betas: (recipe.betas[0], recipe.betas[1]), weightDecay: recipe.weightDecay)
    }
}

extension OptimizerSection {
    /// Where the values of a gradient are cut off; `nil`: nowhere.
    var valueLimit: Float? { clipValue > 0 ? Float(clipValue) : nil }
}
