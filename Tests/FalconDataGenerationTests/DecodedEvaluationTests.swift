import FalconDecoding
import FalconDraft
import FalconModels
import FalconShards
import FalconTensor
import FalconTestSupport
import FalconTraining
import Testing

@testable import FalconDataGeneration

/// `evaluation.decode_prompts`: held-out prompts answered by the target during training.
@Suite struct DecodedEvaluationTests {
    private let pool = ThreadPool(threadCount: 2)

    @Test func `the last evaluation is what the saved head gives on the same prompts, one text at a time`() throws {
        let folder = try TemporaryFolder()
        let target = try TinyTarget.write(into: folder)
        let chats = try folder.write(TinyTarget.chats(40), to: "chats.json")
        func recipe(_ settings: [String]) throws -> Recipe {
            try Recipe(
                toml: """
                    [data]
                    max_length = 48
                    validation_fraction = 0.3
                    [optimizer]
                    learning_rate = 0.01
                    [training]
                    max_steps = 3
                    batch_size = 5
                    """, source: "test", settings: ["target.path=\(target)"] + settings)
        }
        let asked = try recipe([
            "evaluation.decode_prompts=5", "evaluation.decode_tokens=9", "evaluation.decode_tree=chain:3",
        ])
        let source = try OnlineFeatures(target: target, dataset: chats, template: "auto", maxLength: 48, pool: pool)
        let model = try ModelSource(path: target)
        func last(_ recipe: Recipe, _ run: String) throws -> MetricRecord {
            let task = try DraftTraining(
                recipe: recipe, target: try EmbeddingAndHead(model, checkedOn: pool),
                tokenizer: try model.tokenizer().fingerprint, source: source, model: model, pool: pool, log: { _ in })
            var record = MetricRecord()
            let environment = TrainingEnvironment(pool: pool, now: { 0 }, report: { record = $3 })
            _ = try TrainingLoop(
                recipe: recipe, task: task, folder: folder.file(run), resume: false, environment: environment
            ).run()
            return record
        }
        let record = try last(asked, "run")

        let whole = try TargetModel(model, arithmetic: nil, pool: pool)
        let head = try DraftHead(folder: folder.file("run/step-000003"), target: whole, pool: pool)
        let decoder = SpeculativeDecoder(
            target: whole, head: head, tree: try TokenTree.select("chain:3", blockSize: head.blockSize), pool: pool)
        let stop = StopRule(endTokens: whole.configuration.eosTokens, maximumTokens: 9)
        var statistics = AcceptStatistics()
        let heldOut = source.split(validationFraction: 0.3).validation.prefix(5)
        for index in heldOut {
            let start = try #require(try source.lossMask(index).firstIndex { $0 != 0 })
            let prompt = Array(try source.text(index).tokens.prefix(start))
            statistics.add(try decoder.decode(prompt, stop: stop).statistics)
        }
        #expect(heldOut.count == 5 && statistics.targetPasses > 0)
        #expect(record["decoded_prompts"] == .whole(5))
        #expect(record["decoded_tokens"] == .whole(statistics.generatedTokens))
        #expect(record["decoded_accept_length"] == .number(statistics.acceptLength))
        #expect(record["decoded_acceptance_by_depth"] == .numbers(statistics.acceptanceByDepth))
        // Nothing else changes by it, and by itself nothing is decoded.
        let without = try last(try recipe([]), "without")
        #expect(without["decoded_accept_length"] == nil && without["loss"] == record["loss"])
        #expect(without["accept_length_tree"] == record["accept_length_tree"])
    }

    @Test func `a tree that cannot be is refused with the recipe`() throws {
        #expect(throws: RecipeError.self) {
            _ = try Recipe(toml: "[evaluation]\ndecode_tree = \"nowhere\"", source: "test")
        }
    }
}
