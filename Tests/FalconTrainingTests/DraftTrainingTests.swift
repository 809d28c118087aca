import FalconDraft
import FalconModels
import FalconShards
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

@testable import FalconTraining

@Suite struct DraftTrainingTests {
    private let pool = ThreadPool(threadCount: 2)

    @Test(arguments: ["lstm", "gated", "linear"])
    func `a head learns a sequence that can be learned`(fusion: String) throws {
        let example = try DraftExample(pool: pool)
        let recipe = try example.recipe(["draft.fusion=\(fusion)", "training.epochs=10", "draft.dropout=0"])
        let records = try example.train(recipe, example.temporary.file("run"))
        let (first, last) = (try #require(records.first), try #require(records.last))
        #expect(try #require(last.number("loss")) < 0.4 * #require(first.number("loss")))
        #expect(try #require(last.number("validation_accept_length")) > 4, "\(last.json)")
        #expect(first.number("lambda") == Double(Float(0.4)) || first.number("lambda") == 0.4)
        #expect(try #require(first.number("glanced")) > 0)
        #expect(try #require(first.number("hamming")) >= #require(first.number("glanced")) / 0.4)
        guard case .numbers(let accuracy) = last["accuracy_top1"] else {
            Issue.record("no accuracy: \(last.json)")
            return
        }
        #expect(accuracy.count == 2)
    }

    @Test func `a stopped run goes on bit by bit, with every random source in use`() throws {
        let example = try DraftExample(pool: pool)
        let recipe = try example.recipe([
            "loss.hard_label=sample", "loss.temperature=0.95", "draft.block_size=3", "noise.kind=length",
            "training.max_steps=14", "schedule.total_steps=14",
        ])
        let (whole, parts) = (example.temporary.file("whole"), example.temporary.file("parts"))
        try example.train(recipe, whole)
        try example.train(recipe, parts, stopAfter: 5)
        try example.train(recipe, parts, resume: true)
        for name in try FileManager.default.contentsOfDirectory(atPath: whole + "/step-000014") {
            let (a, b) = (whole + "/step-000014/" + name, parts + "/step-000014/" + name)
            #expect(FileManager.default.contents(atPath: a) == FileManager.default.contents(atPath: b), "\(name)")
        }
    }

    @Test func `stored statistics of all tokens train as the exact teacher does, of a few nearly so`() throws {
        var losses: [[Double]] = []
        for (entries, teacher) in [(nil, "exact"), (16, "stored"), (2, "stored")] as [(Int?, String)] {
            let example = try DraftExample(sequences: 40, teacherEntries: entries, pool: pool)
            let recipe = try example.recipe([
                "loss.teacher=\(teacher)", "training.max_steps=12", "training.accumulation=1", "draft.dropout=0",
            ])
            let records = try example.train(recipe, example.temporary.file("run"))
            losses.append(try records.map { try #require($0.number("loss")) })
            let length = try #require(records.last?.number("validation_accept_length"))
            #expect(length > 1, "\(entries ?? 0) entries: \(length)")
        }
        // Rounding differs, and what follows from it.
        #expect(zip(losses[0], losses[1]).allSatisfy { abs($0 - $1) < 0.01 * $0 }, "\(losses)")
        #expect(abs(losses[2][0] - losses[0][0]) < 0.1 * losses[0][0] && losses[2][11] < 0.8 * losses[2][0])
    }

    @Test func `stored statistics that are not there are asked for in one line`() throws {
        let example = try DraftExample(sequences: 10, pool: pool)
        let recipe = try example.recipe(["loss.teacher=stored"])
        #expect("\(#expect(throws: FileError.self) { try example.task(recipe) }!)".contains("--teacher-statistics"))
    }

    @Test(arguments: ["lstm", "gated"])
    func `gradients that are used as they come give the same weights as all together`(
        fusion: String
    ) throws {
        let example = try DraftExample(sequences: 30, pool: pool)
        var weights: [[String: Tensor]] = []
        // A limit that is never reached needs the length of the whole gradient all the same.
        for limit in ["0", "1e6"] {
            let folder = example.temporary.file("run-\(limit)")
            let recipe = try example.recipe([
                "training.max_steps=4", "training.accumulation=1", "draft.fusion=\(fusion)",
                "optimizer.clip_norm=\(limit)", "optimizer.clip_value=0.01",
            ])
            try example.train(recipe, folder)
            weights.append(try Fixtures.tensors(folder + "/step-000004/model.safetensors"))
            weights.append(try Fixtures.tensors(folder + "/step-000004/optimizer.safetensors"))
        }
        #expect(weights[0] == weights[2] && weights[1] == weights[3])
    }

    @Test(arguments: ["lstm", "gated", "linear"]) func `a head learns in bfloat16 and resumes bit by bit`(
        fusion: String
    ) throws {
        let example = try DraftExample(sequences: 40, pool: pool)
        let recipe = try example.recipe([
            "training.max_steps=12", "schedule.total_steps=12", "training.precision=bfloat16",
            "training.accumulation=1", "draft.fusion=\(fusion)",
        ])
        let (whole, parts) = (example.temporary.file("whole"), example.temporary.file("parts"))
        let records = try example.train(recipe, whole)
        #expect(try #require(records.last?.number("loss")) < #require(records.first?.number("loss")))
        try example.train(recipe, parts, stopAfter: 5)
        try example.train(recipe, parts, resume: true)
        for name in ["model.safetensors", "optimizer.safetensors", "state.json"] {
            let (a, b) = (whole + "/step-000012/" + name, parts + "/step-000012/" + name)
            #expect(FileManager.default.contents(atPath: a) == FileManager.default.contents(atPath: b), "\(name)")
        }
    }

    @Test func `results do not depend on the number of threads`() throws {
        var weights: [[String: Tensor]] = []
        for threads in [1, 3] {
            let example = try DraftExample(sequences: 30, pool: ThreadPool(threadCount: threads))
            let folder = example.temporary.file("run")
            try example.train(try example.recipe(["training.max_steps=4"]), folder)
            weights.append(try Fixtures.tensors(folder + "/step-000004/model.safetensors"))
        }
        #expect(weights[0] == weights[1])
    }

    @Test func `a checkpoint is a draft head's folder, and can be started from`() throws {
        let example = try DraftExample(sequences: 30, pool: pool)
        let folder = example.temporary.file("run")
        try example.train(try example.recipe(["training.max_steps=4", "draft.fusion=gated"]), folder)
        let checkpoint = folder + "/step-000004"
        let network = try DraftNetwork(folder: checkpoint)
        #expect(network.configuration.blockSize == 2)
        #expect(network.configuration.fusion == .gated)
        let task = try example.task(try example.recipe(["draft.init_from=\(checkpoint)", "draft.fusion=gated"]))
        for (one, other) in zip(task.parameters.trainable, network.parameters.trainable) {
            #expect(one.name == other.name && one.value == other.value)
        }
        #expect(network.parameters["embed_tokens.weight"]?.value == example.target.embedding.tensor())
    }

    @Test func `shards of another target are refused in one line`() throws {
        let example = try DraftExample(sequences: 10, pool: pool)
        let other = EmbeddingAndHead(
            example.target.configuration, fingerprint: "another", embedding: example.target.embedding,
            head: example.target.head)
        do {
            _ = try DraftTraining(
                recipe: try example.recipe(), target: other, tokenizer: "tokenizer",
                source: try FeatureStore(folder: example.shards), pool: pool, log: { _ in })
            Issue.record("accepted")
        } catch {
            #expect("\(error)".contains("target") && !"\(error)".contains("\n"))
        }
    }

    /// A feature that overflows every product, and ones that are no numbers: these are named with their token.
    @Test(arguments: [3e38, .infinity, .nan] as [Float]) func `a sequence that is not finite is named and left out`(
        value: Float
    ) throws {
        let example = try DraftExample(sequences: 40, poisoned: [7: value], pool: pool)
        let recipe = try example.recipe(["data.validation_fraction=0", "training.epochs=2", "glance.enabled=false"])
        var lines: [String] = []
        let folder = example.temporary.file("run")
        try example.train(recipe, folder, log: { lines.append($0) })
        let name = value.isFinite ? "dialogue-7" : "dialogue-7, token 8;"
        #expect(lines.filter { $0.contains(name) && $0.contains("left out") }.count == 2, "\(lines)")
        #expect(!lines.contains { $0.contains("dialogue-8") })
        let checkpoint = try #require(try RunFolder(path: folder).latest())
        #expect(try Fixtures.tensors(checkpoint + "/model.safetensors").values.allSatisfy(\.isFinite))
    }

    @Test func `a sequence that is not finite ends the run where the recipe says so, or where it is held out`() throws {
        let example = try DraftExample(sequences: 40, poisoned: [7: .nan], pool: pool)
        let settings = ["training.epochs=2", "glance.enabled=false"]
        let stop = try example.recipe(settings + ["data.validation_fraction=0", "training.on_nonfinite=stop"])
        let error = #expect(throws: TrainingError.self) { try example.train(stop, example.temporary.file("stop")) }
        #expect(error?.description.contains("dialogue-7, token 8; the weights are as they were") == true, "\(error)")
        // Names decide what is held out: with enough of it, every dialogue is.
        let heldOut = try example.recipe(settings + ["data.validation_fraction=0.9", "evaluation.every_steps=1"])
        let other = #expect(throws: FileError.self) { try example.train(heldOut, example.temporary.file("held")) }
        #expect(other?.description.contains("dialogue-7, token 8: has a feature") == true, "\(other)")
    }

    @Test(arguments: ["float32", "bfloat16"]) func `a loss that explodes ends the run and leaves finite weights`(
        precision: String
    ) throws {
        let example = try DraftExample(sequences: 40, pool: pool)
        try example.train(try example.recipe(["training.max_steps=1"]), example.temporary.file("start"))
        // As if earlier steps had been far too large: each weight is finite, what they compute is not.
        let start = example.temporary.file("start/step-000001")
        let tensors = try Fixtures.tensors(start + "/model.safetensors")
        try SafetensorsWriter.write(
            start + "/model.safetensors",
            tensors: tensors.map { name, tensor in
                let factor: Float = name == "embed_tokens.weight" ? 1 : 1e25
                return (name: name, tensor: Tensor(tensor.scalars.map { $0 * factor }, tensor.shape))
            })
        let recipe = try example.recipe([
            "draft.init_from=\(start)", "training.precision=\(precision)", "training.checkpoint_every_steps=1",
            "training.keep_checkpoints=0",
        ])
        var lines: [String] = []
        let folder = example.temporary.file("run")
        let error = #expect(throws: TrainingError.self) {
            _ = try example.train(recipe, folder, log: { lines.append($0) })
        }
        #expect(error?.description.contains("10 in a row, so lower optimizer.learning_rate") == true, "\(error)")
        #expect(lines.count { $0.contains("left out") } == 9)
        let steps = try RunFolder(path: folder).steps()
        // Each step is two batches.
        #expect(steps == Array(1...5))
        for step in steps {
            let file = "\(folder)/\(RunFolder.name(step: step))/model.safetensors"
            #expect(try Fixtures.tensors(file).values.allSatisfy(\.isFinite), "step \(step)")
        }
    }

    @Test(arguments: ["lstm", "gated", "linear"]) func `recomputing activations changes no bit`(
        fusion: String
    ) throws {
        let example = try DraftExample(sequences: 30, pool: pool)
        for precision in ["float32", "bfloat16"] {
            var files: [Data?] = []
            for recompute in [false, true] {
                let folder = example.temporary.file("run-\(precision)-\(recompute)")
                let recipe = try example.recipe([
                    "training.max_steps=3", "draft.fusion=\(fusion)", "training.precision=\(precision)",
                    "training.recompute=\(recompute)", "draft.layers=2",
                ])
                try example.train(recipe, folder)
                for name in ["model.safetensors", "optimizer.safetensors"] {
                    files.append(FileManager.default.contents(atPath: folder + "/step-000003/" + name))
                }
            }
            #expect(files[0] != nil && files[0] == files[2] && files[1] == files[3])
        }
    }

    @Test func `batches under a token budget hold alike lengths, and resume bit by bit`() throws {
        let example = try DraftExample(pool: pool)
        let settings = [
            "training.tokens_per_batch=96", "training.epochs=3", "training.accumulation=3", "evaluation.dialogues=4",
        ]
        let recipe = try example.recipe(settings)
        let task = try example.task(recipe)
        var (tokens, padded, ids) = (0, 0, Set<String>())
        for batch in 0..<task.batchCount(epoch: 1) {
            let outcome = try task.trainBatch(
                batch, progress: TrainingProgress(epoch: 1, epochs: 3, step: 0, totalSteps: 10))
            #expect(!outcome.ids.isEmpty && ids.isDisjoint(with: outcome.ids))
            ids.formUnion(outcome.ids)
            tokens += outcome.tokens
            padded += 96
        }
        // Each sequence once an epoch; batches are nearly full (31 tokens is the longest).
        let store = try FeatureStore(folder: example.shards)
        #expect(ids.count == store.split(validationFraction: 0.2).training.count)
        #expect(Double(tokens) > 0.7 * Double(padded), "\(tokens) of \(padded)")

        let (whole, parts) = (example.temporary.file("whole"), example.temporary.file("parts"))
        try example.train(recipe, whole)
        for stop in [2, 3, 4] { try example.train(recipe, parts, resume: stop > 2, stopAfter: stop) }
        try example.train(recipe, parts, resume: true)
        let last = try #require(try RunFolder(path: whole).steps().last)
        for name in ["model.safetensors", "optimizer.safetensors", "state.json"] {
            let path = "/" + RunFolder.name(step: last) + "/" + name
            #expect(FileManager.default.contentsEqual(atPath: whole + path, andPath: parts + path), "\(name)")
        }
    }

    @Test(arguments: [false, true]) func `the loss of shown and of clean positions is measured apart`(
        counts: Bool
    ) throws {
        let example = try DraftExample(sequences: 40, pool: pool)
        let recipe = try example.recipe([
            "glance.loss_on_glanced=\(counts)", "draft.dropout=0", "noise.kind=none", "glance.schedule=constant",
            "glance.lambda=0.5",
        ])
        let task = try example.task(recipe)
        let outcome = try task.trainBatch(
            0, progress: TrainingProgress(epoch: 0, epochs: 6, step: 0, totalSteps: 10))
        let record = outcome.metrics.record
        let glanced = try #require(record.number("glanced"))
        let (clean, shown) = (try #require(record.number("clean_loss")), try #require(record.number("glanced_loss")))
        #expect(record.number("lambda") == 0.5 && glanced > 0 && glanced <= 128)
        let loss = try #require(record.number("loss"))
        if counts {
            // The whole is the mean of both, by how many there are of each.
            let all = outcome.weight
            #expect(abs((clean * (all - glanced) + shown * glanced) / all - loss) < 1e-4 * loss)
        } else {
            #expect(abs(clean - loss) < 1e-4 * loss)
        }
        #expect(abs(clean - shown) > 1e-4)
    }
}
