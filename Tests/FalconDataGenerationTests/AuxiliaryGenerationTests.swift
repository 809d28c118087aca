import FalconDataGeneration
import FalconModels
import FalconShards
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// `--auxiliary-layers`: states of the target's layers beside the features.
@Suite struct AuxiliaryGenerationTests {
    private func options(_ folder: TemporaryFolder, _ output: String, layers: [Int]) throws -> GenerationOptions {
        var options = GenerationOptions(
            target: try TinyTarget.write(into: folder),
            dataset: try folder.write(TinyTarget.chats(9), to: "chats.json"), output: folder.file(output))
        (options.conversationsPerShard, options.storage, options.auxiliaryLayers) = (4, .float32, layers)
        return options
    }

    private func generate(_ options: GenerationOptions, threads: Int = 1) throws {
        _ = try FeatureGenerator(options, pool: ThreadPool(threadCount: threads)).run { _ in }
    }

    private func refused(_ options: GenerationOptions) -> String {
        "\(#expect(throws: FileError.self) { try generate(options) }!)"
    }

    @Test func `the states are stored, and everything else is as without`() throws {
        let folder = try TemporaryFolder()
        try generate(options(folder, "plain", layers: []))
        try generate(options(folder, "states", layers: [1]), threads: 3)
        let (plain, store) = (
            try FeatureStore(folder: folder.file("plain")), try FeatureStore(folder: folder.file("states"))
        )
        #expect(store.description.auxiliaryLayers == [1] && plain.description.auxiliaryLayers == [])
        let pool = ThreadPool(threadCount: 1)
        let model = try TargetModel(folder: folder.file("target"), pool: pool)
        let source = SequenceFeatures(model, states: [1])
        for index in 0..<plain.count {
            let (one, other) = (try plain.sequence(at: index), try store.sequence(at: index))
            #expect(one.tokens == other.tokens && one.features == other.features && one.auxiliary == nil)
            #expect(other.rows(with: [1]) == source.features(of: one.tokens, on: pool))
        }
        // Nothing tells the folder without from one that was made before there were any.
        let manifest = try String(contentsOfFile: folder.file("plain/manifest.json"), encoding: .utf8)
        #expect(!manifest.contains("auxiliary"))
        // One byte other, and the bytes are the same again.
        try generate(options(folder, "again", layers: [1]))
        #expect(
            try ShardManifest(folder: folder.file("again")).shards.map(\.sha256)
                == ShardManifest(folder: folder.file("states")).shards.map(\.sha256))
    }

    @Test func `other layers do not go on with a folder, and layers that are not there are refused`() throws {
        let folder = try TemporaryFolder()
        try generate(options(folder, "out", layers: []))
        #expect(refused(try options(folder, "out", layers: [1])).contains("auxiliary_layers is 1, not none"))
        let line = refused(try options(folder, "new", layers: [1, 2]))
        #expect(line.contains("has 1 layers") && line.contains("no layer 2"), "\(line)")
    }

    @Test func `a plan counts them`() throws {
        let folder = try TemporaryFolder()
        let pool = ThreadPool(threadCount: 1)
        let plain = try GenerationPlan(options(folder, "a", layers: []), pool: pool)
        let states = try GenerationPlan(options(folder, "b", layers: [1]), pool: pool)
        for (one, other) in zip(plain.sizes, states.sizes) {
            let more = 16 * one.dtype.size + (one.dtype == .int8 ? 4 : 0)
            #expect(other.rawBytes - one.rawBytes == plain.tokens * more, "\(one.dtype)")
            #expect(other.estimatedBytes > one.estimatedBytes)
        }
    }

    @Test func `answers by the target leave the states of the passes that made them`() throws {
        let scene = try RegenerationScene()
        var options = scene.options
        (options.auxiliaryLayers, options.output) = ([1], scene.folder.file("states"))
        try scene.generate(options)
        try scene.generate(scene.options)
        let (store, plain) = (
            try FeatureStore(folder: options.output), try FeatureStore(folder: scene.options.output)
        )
        let pool = ThreadPool(threadCount: 1)
        let source = SequenceFeatures(try TargetModel(folder: options.target, pool: pool), states: [1])
        #expect(store.count == plain.count && store.count > 3)
        for index in 0..<store.count {
            let sequence = try store.sequence(at: index)
            #expect(try sequence.tokens == plain.sequence(at: index).tokens)
            #expect(sequence.rows(with: [1]) == source.features(of: sequence.tokens, on: pool))
        }
    }

    @Test func `features that are made online have the states of stored ones`() throws {
        let folder = try TemporaryFolder()
        let made = try options(folder, "stored", layers: [1])
        try generate(made)
        let pool = ThreadPool(threadCount: 2)
        let store = try FeatureStore(folder: made.output)
        let online = try OnlineFeatures(
            target: made.target, dataset: made.dataset, template: "auto", maxLength: made.maxLength,
            auxiliaryLayers: [1], pool: pool)
        #expect(online.description == store.description)
        #expect(try online.batch([4, 0, 8], limit: 9, on: pool) == store.batch([4, 0, 8], limit: 9, on: pool))
        try online.requireLayers([1])
    }
}
