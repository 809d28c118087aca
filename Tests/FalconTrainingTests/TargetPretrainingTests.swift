import FalconAutograd
import FalconDraft
import FalconModels
import FalconNN
import FalconTensor
import FalconTestSupport
import FalconTokenizer
import FalconWeights
import Foundation
import Testing

@testable import FalconTraining

@Suite struct TargetPretrainingTests {
    private let pool = ThreadPool(threadCount: 2)

    /// A few dozen dialogues and a recipe for a model of a few thousand parameters.
    private func prepare(_ temporary: TemporaryFolder, _ settings: [String] = []) throws -> Recipe {
        let words = ["red", "green", "blue", "small", "large", "round", "boat", "house", "garden", "river"]
        var random = RandomSource(seed: 9)
        func phrase(_ count: Int) -> String {
            (0..<count).map { _ in words[random.below(words.count)] }.joined(separator: " ")
        }
        let dialogues = (0..<48).map { number in
            let turns = (0...number % 2).map { _ in
                """
                {"from": "human", "value": "Say \(phrase(3 + random.below(5)))."}, \
                {"from": "gpt", "value": "\(phrase(2 + random.below(8)))!"}
                """
            }
            return "{\"id\": \"d\(number)\", \"conversations\": [\(turns.joined(separator: ", "))]}"
        }
        let train = try temporary.write("[\(dialogues.dropLast(8).joined(separator: ",\n"))]", to: "train.json")
        let heldOut = try temporary.write("[\(dialogues.suffix(8).joined(separator: ",\n"))]", to: "held.json")
        return try Recipe(
            toml: """
                [pretrain]
                dataset = "\(train)"
                validation_dataset = "\(heldOut)"
                row_length = 48
                [model]
                vocabulary = 290
                hidden = 16
                layers = 2
                heads = 2
                key_value_heads = 1
                intermediate = 24
                [optimizer]
                learning_rate = 0.01
                clip_value = 0.0
                clip_norm = 1.0
                [schedule]
                kind = "cosine"
                warmup_steps = 3
                [training]
                epochs = 4
                batch_size = 4
                checkpoint_every_steps = 10
                [evaluation]
                every_steps = 10
                """, source: "test", settings: settings)
    }

    private func train(_ recipe: Recipe, _ folder: String, resume: Bool = false, stopAfter: Int = .max) throws {
        var steps = 0
        let environment = TrainingEnvironment(
            pool: pool, now: { 0 }, shouldStop: { steps >= stopAfter }, report: { _, _, _, _ in steps += 1 })
        let task = try TargetPretraining(recipe: recipe, folder: folder, pool: pool, log: { _ in })
        _ = try TrainingLoop(recipe: recipe, task: task, folder: folder, resume: resume, environment: environment).run()
    }

    private func losses(_ folder: String) throws -> [Double] {
        try String(contentsOfFile: folder + "/metrics.jsonl", encoding: .utf8).split(separator: "\n").compactMap {
            (try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])?["loss"] as? Double
        }
    }

    @Test func `the loss falls, and the folder loads as a target that computes the same features`() throws {
        let temporary = try TemporaryFolder()
        let recipe = try prepare(temporary)
        let folder = temporary.file("run")
        try train(recipe, folder)
        let losses = try losses(folder)
        #expect(losses.count > 30)
        #expect(losses[0] > 5)
        #expect(losses.suffix(5).reduce(0, +) / 5 < losses[0] - 1, "\(losses)")

        let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/model").sorted()
        #expect(
            names == [
                "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
            ])
        #expect(try ChatTemplate.select(TemplateChoice(), folder: folder + "/model").endOfTurn == "<|im_end|>")
        let tokenizer = try Tokenizer(folder: folder + "/model")
        let weights = try WeightFolder(path: folder + "/model")
        #expect(weights.storedType(of: "model.embed_tokens.weight") == .bfloat16)

        // The last checkpoint has the same weights in float32.
        let checkpoint = try #require(try RunFolder(path: folder).latest())
        let target = try TargetModel(folder: checkpoint, pool: pool)
        #expect(target.configuration.eosTokens.contains(try #require(tokenizer.id(of: "<|im_end|>"))))
        let network = try LlamaNetwork(
            target.configuration, .stored(StoredParameters(try WeightFolder(path: checkpoint))))
        let tokens = tokenizer.encode("<|im_start|>user\nSay blue river.<|im_end|>\n<|im_start|>assistant\n")
        var tape = Tape(on: pool, recordsGradients: false)
        let trained = network.features([tokens], lengths: [tokens.count], tape: &tape).value
        let served = target.forward(tokens, cache: target.makeCache(capacity: tokens.count), on: pool)
        expectClose(served, trained.reshaped(served.shape), absolute: 2e-3, relative: 2e-2, "features")
    }

    @Test func `pretraining that was stopped goes on bit by bit`() throws {
        let temporary = try TemporaryFolder()
        let recipe = try prepare(temporary, ["training.max_steps=16", "schedule.total_steps=16"])
        let (whole, parts) = (temporary.file("whole"), temporary.file("parts"))
        try train(recipe, whole)
        try train(recipe, parts, stopAfter: 7)
        try train(recipe, parts, resume: true)
        for name in ["model.safetensors", "optimizer.safetensors", "state.json", "recipe.toml", "tokenizer.json"] {
            let (a, b) = (whole + "/step-000016/" + name, parts + "/step-000016/" + name)
            #expect(FileManager.default.contents(atPath: a) == FileManager.default.contents(atPath: b), "\(name)")
        }
    }

    @Test func `wrong data is refused in one line`() throws {
        let temporary = try TemporaryFolder()
        let absent = try prepare(temporary, ["pretrain.dataset=\"absent.json\""])
        #expect(throws: (any Error).self) { try train(absent, temporary.file("a")) }
        let small = try prepare(temporary, ["model.vocabulary=100000"])
        #expect(throws: (any Error).self) { try train(small, temporary.file("b")) }
    }

    @Test func `rows keep to their dialogue and count the next tokens`() {
        let rows = TokenRows(
            [
                TokenRows.Row(id: "a", tokens: [1, 2, 3, 4, 5], counts: [true, false, true, true, true]),
                TokenRows.Row(id: "b", tokens: [6, 7], counts: [false, true]),
                TokenRows.Row(id: "c", tokens: [8, 9], counts: [true, false]),
            ], rowLength: 4)
        #expect(rows.rows.map(\.id) == ["a", "b"])
        let batch = rows.batch([0, 1])
        #expect(batch.tokens == [[1, 2, 3, 4], [6, 7, 0, 0]])
        #expect(batch.lengths == [4, 2])
        #expect(batch.positions == [1, 2, 4])
        #expect(batch.labels == [3, 4, 7])
    }
}
