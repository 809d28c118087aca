import FalconNN
import FalconTensor
import FalconWeights

/// Steps over whole batches, in one process.
final class WholeBatchSteps: StepMaker {
    private let recipe: OptimizerSection
    private let task: any TrainingTask
    private let pool: ThreadPool
    private var optimizer: AdamW
    private var gradients: ParameterGradients

    init(_ recipe: Recipe, task: any TrainingTask, pool: ThreadPool) {
        (self.recipe, self.task, self.pool) = (recipe.optimizer, task, pool)
        optimizer = AdamW(task.parameters, AdamW.Configuration(recipe.optimizer))
        gradients = ParameterGradients(noneFor: task.parameters)
    }

    var stepCount: Int { optimizer.stepCount }
    var momentByteCount: Int { 8 * task.parameters.trainableCount }
    let clock: StepClock? = nil

    func gather(
        _ batches: Range<Int>, progress: TrainingProgress, leaveOut: (_ reason: String, _ ids: [String]) throws -> Void
    ) throws -> StepOutcome {
        var outcome = StepOutcome()
        gradients = ParameterGradients(noneFor: task.parameters)
        for index in batches {
            let batch = try task.trainBatch(index, progress: progress)
            outcome.tokens += batch.tokens
            guard batch.loss.isFinite else {
                try leaveOut("the loss is \(batch.loss)", batch.ids)
                continue
            }
            outcome.metrics.add(batch.metrics)
            outcome.ids += batch.ids
            guard let pass = batch.backward, batch.weight > 0 else { continue }
            outcome.weight += batch.weight
            gradients.add(pass)
        }
        return outcome
    }

    func move(scale: Float, rate: Double) throws -> Double {
        let norm = gradients.norm(on: pool) * Double(scale)
        guard norm.isFinite else { return norm }
        var (remaining, limit) = (scale, recipe.valueLimit)
        if recipe.clipNorm > 0 {
            // The length to limit is the one behind the clipping by value.
            gradients.scale(by: scale)
            if let limit { gradients.clip(toValue: limit) }
            gradients.clip(toNorm: recipe.clipNorm, on: pool)
            (remaining, limit) = (1, nil)
        }
        optimizer.beginStep()
        for index in 0..<gradients.count {
            optimizer.update(
                index, of: task.parameters, gradients.take(index), learningRate: rate, scale: remaining, limit: limit,
                on: pool)
        }
        return norm
    }

    func write(_ path: String?) throws {
        guard let path else { return }
        try SafetensorsWriter.write(path, tensors: optimizer.state(for: task.parameters), as: .float32)
    }

    func load(_ saved: StoredParameters) throws { try optimizer.load(saved, for: task.parameters) }
}
