import FalconAutograd
import FalconNN
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

@testable import FalconTraining

/// Fits a vector to noisy targets: the smallest task that has weights, data order and random numbers.
private final class ToyTask: TrainingTask {
    let kind = "toy"
    var random: [String: RandomSource] = ["noise": RandomSource(seed: 5).stream("noise")]
    var fingerprints: [String: String] = ["data": "one"]
    let parameters: ParameterCollection
    let pool: ThreadPool
    /// Batches whose loss is not a number.
    var poisoned: Set<Int> = []
    var weights: [Double] = [1, 3]
    private(set) var finished = 0

    init(pool: ThreadPool) throws {
        self.pool = pool
        let builder = ParameterBuilder(.random(RandomSource(seed: 1)))
        _ = builder.root.parameter("w", [4], .normal(deviation: 1))
        parameters = try builder.finish()
    }

    func batchCount(epoch: Int) -> Int { 5 }
    var largestBatch: Int { 0 }

    func trainBatch(_ index: Int, progress: TrainingProgress) throws -> BatchOutcome {
        var noise = random["noise"] ?? RandomSource(seed: 0)
        let target = Tensor(normal: 0.1, [4], from: &noise)
        random["noise"] = noise
        var tape = Tape(on: pool)
        let weight = tape.variable(parameters.trainable[0])
        // The derivative of w . (w0 + target) is constant: enough to see sums, weights and order.
        let count = weights[index % weights.count]
        let loss = tape.scale(tape.dot(weight, target), by: Float(count))
        var metrics = MetricMeans()
        metrics.add("loss", sum: Double(loss.value.scalar), weight: count)
        let isPoisoned = poisoned.contains(index)
        return BatchOutcome(
            backward: isPoisoned ? nil : BackwardPass(tape, of: loss),
            loss: isPoisoned ? .nan : Double(loss.value.scalar), weight: count, tokens: 10, metrics: metrics,
            ids: ["dialogue-\(index)"])
    }

    func evaluate() throws -> MetricRecord {
        var record = MetricRecord()
        record["accept_length"] = .number(Double(parameters.trainable[0].value.sum()))
        return record
    }

    func merit(of evaluation: MetricRecord) -> Double? { evaluation.number("accept_length") }

    func writeModel(to folder: String) throws {
        try SafetensorsWriter.write(folder + "/model.safetensors", tensors: parameters.tensors)
    }

    func readModel(from folder: String) throws {
        try parameters.load(StoredParameters(try SafetensorsFile(path: folder + "/model.safetensors")))
    }

    func finish() throws { finished += 1 }
}

@Suite struct TrainingLoopTests {
    private let pool = ThreadPool(threadCount: 1)

    private func recipe(_ settings: String...) throws -> Recipe {
        try Recipe(
            toml: """
                [optimizer]
                learning_rate = 0.1
                [schedule]
                warmup_steps = 2
                total_steps = 20
                [training]
                epochs = 6
                accumulation = 2
                checkpoint_every_steps = 4
                keep_checkpoints = 0
                [evaluation]
                every_steps = 3
                """, source: "test", settings: settings)
    }

    private func loop(
        _ folder: String, _ recipe: Recipe, resume: Bool = false, stopAfter: Int = .max, task: ToyTask? = nil,
        log: @escaping (String) -> Void = { _ in }
    ) throws -> TrainingOutcome {
        let task = try task ?? ToyTask(pool: pool)
        var steps = 0
        let environment = TrainingEnvironment(
            pool: pool, now: { 0 }, shouldStop: { steps >= stopAfter }, report: { _, _, _, _ in steps += 1 }, log: log)
        return try TrainingLoop(
            recipe: recipe, task: task, folder: folder, resume: resume, environment: environment
        ).run()
    }

    private func files(_ folder: String) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            files[name] = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
        }
        return files
    }

    @Test func `steps are batches by accumulation, over all epochs`() throws {
        let task = try ToyTask(pool: pool)
        #expect(TrainingLoop.totalSteps(recipe: try recipe(), task: task) == 6 * 3)
        #expect(TrainingLoop.totalSteps(recipe: try recipe("training.max_steps=7"), task: task) == 7)
    }

    @Test(arguments: [1, 4, 7, 12])
    func `a run that is stopped and resumed leaves the same bytes`(stop: Int) throws {
        let temporary = try TemporaryFolder()
        let (whole, parts) = (temporary.file("whole"), temporary.file("parts"))
        #expect(try loop(whole, recipe()) == .finished(step: 18))
        #expect(try loop(parts, recipe(), stopAfter: stop) == .stopped(step: stop))
        #expect(try loop(parts, recipe(), resume: true) == .finished(step: 18))
        #expect(try files(whole + "/step-000018") == files(parts + "/step-000018"))
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: whole + "/metrics.jsonl"))
                == Data(contentsOf: URL(fileURLWithPath: parts + "/metrics.jsonl")))
    }

    @Test func `a run that was killed between checkpoints leaves the same bytes too`() throws {
        let temporary = try TemporaryFolder()
        let (whole, parts) = (temporary.file("whole"), temporary.file("parts"))
        _ = try loop(whole, recipe())
        _ = try loop(parts, recipe(), stopAfter: 11)
        // As after kill -9: the last checkpoint is an older one, and the log has lines beyond it.
        for step in try RunFolder(path: parts).steps() where step > 8 {
            try FileManager.default.removeItem(atPath: parts + "/" + RunFolder.name(step: step))
        }
        #expect(try RunFolder(path: parts).latest() == parts + "/step-000008")
        #expect(try loop(parts, recipe(), resume: true) == .finished(step: 18))
        #expect(try files(whole + "/step-000018") == files(parts + "/step-000018"))
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: whole + "/metrics.jsonl"))
                == Data(contentsOf: URL(fileURLWithPath: parts + "/metrics.jsonl")))
    }

    @Test func `a longer run goes on where a shorter one ended`() throws {
        let temporary = try TemporaryFolder()
        let (whole, parts) = (temporary.file("whole"), temporary.file("parts"))
        _ = try loop(whole, recipe())
        #expect(try loop(parts, recipe("training.max_steps=9")) == .finished(step: 9))
        #expect(try loop(parts, recipe(), resume: true) == .finished(step: 18))
        #expect(try files(whole + "/step-000018") == files(parts + "/step-000018"))
    }

    @Test func `a finished run is not lost, and not resumed under another recipe`() throws {
        let temporary = try TemporaryFolder()
        let folder = temporary.file("run")
        _ = try loop(folder, recipe("training.max_steps=4"))
        func problem(_ body: () throws -> TrainingOutcome) -> String {
            do { return "\(try body())" } catch { return "\(error)" }
        }
        #expect(problem { try loop(folder, recipe()) }.contains("--resume"))
        let other = try recipe("optimizer.learning_rate=0.2")
        #expect(problem { try loop(folder, other, resume: true) }.contains("another optimizer.learning_rate"))
        let task = try ToyTask(pool: pool)
        task.fingerprints["data"] = "two"
        #expect(problem { try loop(folder, recipe(), resume: true, task: task) }.contains("another data"))
        try FileManager.default.removeItem(atPath: folder + "/step-000004/optimizer.safetensors")
        #expect(problem { try loop(folder, recipe(), resume: true) }.contains("optimizer.safetensors"))
    }

    @Test func `the accumulated gradient is the mean over all that counts`() throws {
        let temporary = try TemporaryFolder()
        let even = try ToyTask(pool: pool)
        even.weights = [1]
        let scaled = try ToyTask(pool: pool)
        scaled.weights = [7]
        _ = try loop(temporary.file("a"), recipe(), task: even)
        _ = try loop(temporary.file("b"), recipe(), task: scaled)
        expectClose(
            scaled.parameters.trainable[0].value, even.parameters.trainable[0].value, absolute: 1e-5, "weights")
    }

    @Test func `a loss that is not finite is named and left out, and ends a run that has nothing else`() throws {
        let temporary = try TemporaryFolder()
        var lines: [String] = []
        let task = try ToyTask(pool: pool)
        task.poisoned = [3]
        #expect(try loop(temporary.file("a"), recipe(), task: task, log: { lines.append($0) }) == .finished(step: 18))
        #expect(lines.count { $0.contains("dialogue-3") && $0.contains("left out") } == 6)
        #expect(task.parameters.trainable[0].value.isFinite)
        #expect(task.finished == 1)
        let state = try TrainingState(path: temporary.file("a/step-000018/state.json"))
        #expect(state.skippedBatches == 6)
        task.poisoned = [0, 1, 2, 3, 4]
        #expect(throws: TrainingError.self) { try loop(temporary.file("b"), recipe(), task: task) }
    }

    @Test func `the checkpoint with the best evaluation is kept and named`() throws {
        let temporary = try TemporaryFolder()
        let folder = temporary.file("run")
        _ = try loop(folder, recipe("training.keep_checkpoints=1", "evaluation.every_steps=2"))
        let lines = try String(contentsOfFile: folder + "/metrics.jsonl", encoding: .utf8).split(separator: "\n")
        let lengths = try lines.compactMap { line -> (step: Int, length: Double)? in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard let length = object?["validation_accept_length"] as? Double else { return nil }
            return (object?["step"] as? Int ?? 0, length)
        }
        #expect(lengths.count == 9)
        let best = try #require(lengths.max { $0.length < $1.length })
        #expect(
            try String(contentsOfFile: folder + "/best", encoding: .utf8) == RunFolder.name(step: best.step) + "\n")
        #expect(try RunFolder(path: folder).steps() == Set([best.step, 18]).sorted())
        #expect(FileManager.default.fileExists(atPath: folder + "/report.html"))
        #expect(FileManager.default.fileExists(atPath: folder + "/events.out.tfevents.0.falcon"))
    }

    @Test func `a state's random sources survive JSON`() throws {
        let temporary = try TemporaryFolder()
        var state = TrainingState(kind: "toy", recipe: "[target]\n", recipeHash: "0")
        var source = RandomSource(seed: .max).stream("noise")
        _ = source.next()
        state.random["noise"] = source
        try state.write(temporary.file("state.json"))
        #expect(try TrainingState(path: temporary.file("state.json")) == state)
        try temporary.write("{\"step\": 3}", to: "broken.json")
        #expect(throws: FileError.self) { try TrainingState(path: temporary.file("broken.json")) }
    }
}
