import FalconModels
import FalconShards
import FalconTensor
import FalconTestSupport
import FalconTraining
import Foundation
import Testing

@testable import FalconDataGeneration

@Suite struct OnlineTrainingTests {
    private let pool = ThreadPool(threadCount: 2)
    private let folder: TemporaryFolder
    private let target: String
    private let chats: String

    init() throws {
        folder = try TemporaryFolder()
        target = try TinyTarget.write(into: folder)
        chats = try folder.write(TinyTarget.chats(40), to: "chats.json")
        var options = GenerationOptions(target: target, dataset: chats, output: folder.file("shards"))
        (options.storage, options.maxLength, options.conversationsPerShard) = (.float32, 48, 16)
        _ = try FeatureGenerator(options, pool: pool).run { _ in }
    }

    private func recipe(_ settings: [String]) throws -> Recipe {
        try Recipe(
            toml: """
                [data]
                max_length = 48
                validation_fraction = 0.2
                [schedule]
                kind = "constant"
                warmup_steps = 2
                [optimizer]
                learning_rate = 0.01
                [training]
                epochs = 3
                max_steps = 9
                batch_size = 5
                checkpoint_every_steps = 4
                [evaluation]
                every_steps = 4
                """, source: "test",
            settings: ["target.path=\(target)", "data.shards=\(folder.file("shards"))"] + settings)
    }

    private var online: [String] { ["data.source=online", "data.dataset=\(chats)"] }

    private func features(_ recipe: Recipe, threads: Int = 2) throws -> OnlineFeatures {
        try OnlineFeatures(
            target: recipe.target.path, dataset: recipe.data.dataset, template: recipe.data.template.rawValue,
            maxLength: recipe.data.maxLength, pool: ThreadPool(threadCount: threads))
    }

    @discardableResult
    private func train(
        _ settings: [String], _ name: String, threads: Int = 2, resume: Bool = false, stopAfter: Int = .max
    ) throws -> [MetricRecord] {
        let recipe = try recipe(settings)
        let source: any FeatureSequences =
            recipe.data.source == .online
            ? try features(recipe, threads: threads) : try FeatureStore(folder: recipe.data.shards)
        let pool = ThreadPool(threadCount: threads)
        var records: [MetricRecord] = []
        let environment = TrainingEnvironment(
            pool: pool, now: { 0 }, shouldStop: { records.count >= stopAfter },
            report: { _, _, _, record in records.append(record) })
        let model = try ModelSource(path: target)
        let task = try DraftTraining(
            recipe: recipe, target: try EmbeddingAndHead(model, checkedOn: pool),
            tokenizer: try model.tokenizer().fingerprint, source: source, pool: pool, log: { _ in })
        _ = try TrainingLoop(
            recipe: recipe, task: task, folder: folder.file(name), resume: resume, environment: environment
        ).run()
        return records
    }

    private func files(_ run: String, step: String) -> [Data?] {
        ["model.safetensors", "optimizer.safetensors"].map {
            FileManager.default.contents(atPath: folder.file("\(run)/\(step)/\($0)"))
        }
    }

    @Test func `sequences are those of float32 shards, bit by bit, in the same order`() throws {
        let store = try FeatureStore(folder: folder.file("shards"))
        let online = try features(try recipe(online))
        #expect(online.sequences.map(\.id) == store.sequences.map(\.id))
        #expect(online.description == store.description)
        let indices = [3, 0, 39, 17, 17]
        for limit in [nil, 7] {
            #expect(try online.batch(indices, limit: limit, on: pool) == store.batch(indices, limit: limit, on: pool))
        }
    }

    @Test(arguments: [1, 2]) func `training gives the weights and figures of training on float32 shards`(
        threads: Int
    ) throws {
        let stored = try train([], "stored")
        let made = try train(online, "made", threads: threads)
        #expect(stored.count == 9 && made == stored)
        let (first, second) = (files("stored", step: "step-000009"), files("made", step: "step-000009"))
        #expect(first.allSatisfy { $0 != nil } && first == second)
    }

    @Test func `a stopped run goes on bit by bit, and not with other chats`() throws {
        try train(online, "whole")
        try train(online, "parts", stopAfter: 5)
        let resume = { _ = try train(online, "parts", resume: true) }
        let before = try #require(FileManager.default.contents(atPath: chats))
        try folder.write(TinyTarget.chats(41), to: "chats.json")
        #expect("\(#expect(throws: FileError.self) { try resume() }!)".contains("with another data set or template"))
        try before.write(to: URL(fileURLWithPath: chats))
        try resume()
        #expect(files("whole", step: "step-000009") == files("parts", step: "step-000009"))
    }

    @Test func `rows that are of no use are counted and named`() throws {
        let rows = [
            #"{"id": "a", "conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]}"#,
            #"{"id": "b", "conversations": [{"from": "human", "value": "only a question"}]}"#,
            #"{"id": "c", "conversations": 7}"#,
        ]
        let path = try folder.write("[" + rows.joined(separator: ",") + "]", to: "bad.json")
        let features = try OnlineFeatures(target: target, dataset: path, template: "auto", maxLength: 48, pool: pool)
        #expect(features.sequences.map(\.id) == ["a"])
        #expect(features.notes.contains("left out 1: the assistant says nothing"), "\(features.notes)")
        #expect(features.notes.contains { $0.hasPrefix("left out 1: its row cannot be read") }, "\(features.notes)")
    }
}
