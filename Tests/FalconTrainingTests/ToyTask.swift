import FalconAutograd
import FalconNN
import FalconShards
import FalconTensor
import FalconWeights

@testable import FalconTraining

/// Fits a vector to noisy targets: the smallest task that has weights, data order and random numbers.
final class ToyTask: TrainingTask {
    let kind = "toy"
    var random: [String: RandomSource] = ["noise": RandomSource(seed: 5).stream("noise")]
    var fingerprints: [String: String] = ["data": "one"]
    let parameters: ParameterCollection
    let pool: ThreadPool
    /// Batches whose loss is not a number.
    var poisoned: Set<Int> = []
    var weights: [Double] = [1, 3]
    /// Batches with a finite loss whose gradient is not finite for the parameter that is reached last.
    var broken: Set<Int> = []
    /// Steps before which neither happens.
    var spared = 0
    /// What the evaluation after a step says; the sum of the weights where it is `nil`.
    var merit: ((_ step: Int) -> Double)?
    private(set) var finished = 0
    private(set) var evaluations = 0
    private var step = 0

    init(pool: ThreadPool) throws {
        self.pool = pool
        let builder = ParameterBuilder(.random(RandomSource(seed: 1)))
        _ = builder.root.parameter("w", [4], .normal(deviation: 1))
        // Before the other one on the tape: a backward pass comes to it last.
        _ = builder.root.parameter("scale", [1], .ones)
        parameters = try builder.finish()
    }

    func batchCount(epoch: Int) -> Int { 5 }
    var largestBatch: Int { 0 }

    func trainBatch(_ index: Int, slice: BatchSlice?, progress: TrainingProgress) throws -> BatchOutcome {
        var noise = random["noise"] ?? RandomSource(seed: 0)
        let target = Tensor(normal: 0.1, [4], from: &noise)
        random["noise"] = noise
        var tape = Tape(on: pool)
        step = progress.step + 1
        let scale = tape.variable(parameters.trainable[1])
        let weight = tape.variable(parameters.trainable[0])
        // The derivative of w . (w0 + target) is constant: enough to see sums, weights and order.
        let count = weights[index % weights.count]
        var loss = tape.scale(tape.dot(weight, target), by: Float(count))
        if broken.contains(index), step > spared {
            loss = tape.record(loss.value, BrokenOperation(), inputs: [loss, tape.sum(scale)])
        }
        var metrics = MetricMeans()
        metrics.add("loss", sum: Double(loss.value.scalar), weight: count)
        let isPoisoned = poisoned.contains(index) && step > spared
        return BatchOutcome(
            backward: isPoisoned ? nil : BackwardPass(tape, of: loss),
            loss: isPoisoned ? .nan : Double(loss.value.scalar), weight: count, tokens: 10, metrics: metrics,
            ids: ["dialogue-\(index)"])
    }

    func evaluate() throws -> MetricRecord {
        var record = MetricRecord()
        evaluations += 1
        record["validation_accept_length"] = .number(merit?(step) ?? Double(parameters.trainable[0].value.sum()))
        return record
    }

    func merit(of evaluation: MetricRecord) -> Double? { evaluation.number("validation_accept_length") }

    func writeModel(to folder: String) throws {
        try SafetensorsWriter.write(folder + "/model.safetensors", tensors: parameters.tensors)
    }

    func readModel(from folder: String) throws {
        try parameters.load(StoredParameters(try SafetensorsFile(path: folder + "/model.safetensors")))
    }

    func finish() throws { finished += 1 }
}

/// Hands its gradient to the one input as it is, and infinity to the other.
private struct BrokenOperation: Operation {
    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        [gradient, Tensor([.infinity], gradient.shape)]
    }
}
