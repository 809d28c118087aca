import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

@Suite struct TrainingLoopTests {
    private let pool = ThreadPool(threadCount: 1)

    private func recipe(_ settings: String...) throws -> Recipe { try recipe(settings) }

    private func recipe(_ settings: [String]) throws -> Recipe {
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

    @Test func `a gradient that is not finite moves no parameter, however late it shows`() throws {
        let temporary = try TemporaryFolder()
        for settings in [["optimizer.clip_value=0.5"], ["optimizer.clip_norm=1"], ["optimizer.clip_value=0"]] {
            let task = try ToyTask(pool: pool)
            let before = task.parameters.trainable.map(\.value)
            task.broken = [0, 1]
            var lines: [String] = []
            let folder = temporary.file("run-\(settings[0])")
            let short = try recipe(
                settings + ["training.max_steps=2", "training.accumulation=1", "training.checkpoint_every_steps=1"])
            // A run that learned nothing is no finished one; its first checkpoint is there.
            #expect(throws: TrainingError.self) {
                try loop(folder, short, task: task, log: { lines.append($0) })
            }
            #expect(task.parameters.trainable.map(\.value) == before)
            #expect(lines.contains { $0.contains("step 1: the gradient is not finite for dialogue-0") }, "\(lines)")
            let moments = try Fixtures.tensors(folder + "/step-000001/optimizer.safetensors")
            #expect(moments.allSatisfy { $0.value.isZero })
        }
    }

    @Test(arguments: [true, false]) func `what is not finite ends the run where the recipe says so`(
        isLoss: Bool
    ) throws {
        let temporary = try TemporaryFolder()
        let (whole, stopped) = (temporary.file("whole"), temporary.file("stopped"))
        _ = try loop(whole, recipe("training.max_steps=4"))
        let task = try ToyTask(pool: pool)
        // Step 5 is batches 2 and 3 of the second epoch.
        task.spared = 4
        if isLoss { task.poisoned = [3] } else { task.broken = [3] }
        do {
            _ = try loop(stopped, recipe("training.on_nonfinite=stop"), task: task)
            Issue.record("went on")
        } catch let error as TrainingError {
            #expect(error.description.contains("step 5: the \(isLoss ? "loss" : "gradient") is "), "\(error)")
            #expect(error.description.contains("dialogue-3"), "\(error)")
        }
        // Neither the weights in memory nor the last checkpoint hold anything of that step.
        let weights = try Fixtures.tensors(whole + "/step-000004/model.safetensors")
        for parameter in task.parameters.trainable { #expect(weights[parameter.name] == parameter.value) }
        #expect(try RunFolder(path: stopped).latest() == stopped + "/step-000004")
        // The same command goes on once the data is repaired, or the recipe says skip.
        #expect(try loop(stopped, recipe(), resume: true) == .finished(step: 18))
    }

    @Test(arguments: [nil, 2, 5, 7]) func `early stopping ends the run, resumed or not`(stop: Int?) throws {
        let temporary = try TemporaryFolder()
        let folder = temporary.file("run")
        func merit(_ step: Int) -> Double { step <= 4 ? Double(step) : 4 - Double(step) / 100 }
        func run(_ recipe: Recipe, resume: Bool = false, stopAfter: Int = .max) throws -> TrainingOutcome {
            let task = try ToyTask(pool: pool)
            task.merit = merit
            return try loop(folder, recipe, resume: resume, stopAfter: stopAfter, task: task)
        }
        let recipe = try recipe("evaluation.every_steps=2", "evaluation.early_stopping=3")
        // Evaluated at 2, 4 (the best), 6, 8, 10.
        if let stop { #expect(try run(recipe, stopAfter: stop) == .stopped(step: stop)) }
        #expect(try run(recipe, resume: stop != nil) == .finished(step: 10))
        #expect(try RunFolder(path: folder).steps().contains(4))
        #expect(try String(contentsOfFile: folder + "/best", encoding: .utf8) == "step-000004\n")
        // It is over; with more patience it goes on.
        #expect(try run(recipe, resume: true) == .finished(step: 10))
        let patient = try self.recipe("evaluation.every_steps=2", "evaluation.early_stopping=5")
        #expect(try run(patient, resume: true) == .finished(step: 14))
    }

    @Test func `notes that a kill left behind are written when the run goes on`() throws {
        let temporary = try TemporaryFolder()
        let folder = temporary.file("run")
        let recipe = try recipe("evaluation.every_steps=2", "training.keep_checkpoints=1")
        func run(resume: Bool) throws {
            let task = try ToyTask(pool: pool)
            task.merit = { -abs(Double($0) - 6) }
            _ = try loop(folder, recipe, resume: resume, task: task)
        }
        try run(resume: false)
        #expect(try RunFolder(path: folder).steps() == [6, 18])
        for note in ["best", "latest"] { try FileManager.default.removeItem(atPath: folder + "/" + note) }
        try run(resume: true)
        #expect(try String(contentsOfFile: folder + "/best", encoding: .utf8) == "step-000006\n")
        #expect(try String(contentsOfFile: folder + "/latest", encoding: .utf8) == "step-000018\n")
    }

    @Test func `another tree or other dialogues begin a new search for the best`() throws {
        let temporary = try TemporaryFolder()
        let folder = temporary.file("run")
        _ = try loop(folder, recipe("training.max_steps=9"))
        #expect(try TrainingState(path: folder + "/step-000009/state.json").bestStep != nil)
        let task = try ToyTask(pool: pool)
        task.merit = { -1000 + Double($0) }
        _ = try loop(folder, recipe("evaluation.tree=small", "training.max_steps=12"), resume: true, task: task)
        #expect(try TrainingState(path: folder + "/step-000012/state.json").bestStep == 12)
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
