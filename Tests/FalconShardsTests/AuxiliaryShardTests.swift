import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconShards

/// States of the target's layers beside the features.
@Suite struct AuxiliaryShardTests {
    @Test(arguments: FeatureStorage.allCases)
    func `states come back as features do, each in the storage's rounding`(storage: FeatureStorage) throws {
        let folder = try TemporaryFolder()
        let description = ShardExamples.description(storage, layers: [2, 13])
        let written = ShardExamples.sequences([5, 1, 33, 100], layers: [2, 13])
        try ShardExamples.write(written, description, to: folder.file("shard.h5"), threads: 2)
        let reader = try ShardReader(path: folder.file("shard.h5"))
        #expect(reader.description == description && reader.description.auxiliaryLayers == [2, 13])
        for (index, expected) in written.enumerated() {
            let (found, own) = (try reader.sequence(at: index), try #require(expected.auxiliary))
            let states = try #require(found.auxiliary)
            #expect(states.layers == [2, 13] && states.rows.shape == [expected.length, 48])
            // By the same code as features, whose rounding other tests measure.
            let encoded = try storage.encode(own.rows)
            #expect(
                states.rows == storage.decode(encoded.bytes, scales: encoded.scales ?? [], own.rows.shape))
            if storage == .float32 { #expect(found == expected) }
            #expect(found.states(of: [13]) == states.rows.columns(24..<48))
            #expect(found.rows(with: [2]) == .sideBySide(found.features, states.rows.columns(0..<24)))
            #expect(found.rows(with: []) == found.features)
        }
        #expect(
            try reader.sequence(at: 2, limit: 7).auxiliary?.rows == reader.sequence(at: 2).auxiliary?.rows.rows(0..<7))
    }

    @Test func `features are the bytes that they are without states`() throws {
        let folder = try TemporaryFolder()
        let plain = ShardExamples.sequences([40, 3])
        try ShardExamples.write(plain, ShardExamples.description(.int8), to: folder.file("plain.h5"))
        let states = plain.map {
            FeatureSequence(
                id: $0.id, tokens: $0.tokens, lossMask: $0.lossMask, features: $0.features,
                auxiliary: AuxiliaryFeatures(layers: [1], rows: Tensor(repeating: 1, $0.features.shape)))
        }
        try ShardExamples.write(states, ShardExamples.description(.int8, layers: [1]), to: folder.file("more.h5"))
        for index in plain.indices {
            let (one, other) = (
                try ShardReader(path: folder.file("plain.h5")).stored(at: index),
                try ShardReader(path: folder.file("more.h5")).stored(at: index)
            )
            #expect(one.features.bytes == other.features.bytes && one.features.scales == other.features.scales)
        }
    }

    @Test(arguments: FeatureStorage.allCases)
    func `what is said to fit within a limit does, states counted`(storage: FeatureStorage) throws {
        let folder = try TemporaryFolder()
        let description = ShardExamples.description(storage, layers: [1, 2, 3])
        for (round, limit) in [40_000, 90_000].enumerated() {
            let writer = try ShardWriter(
                path: folder.file("shard.h5"), description: description, pool: ThreadPool(threadCount: 1))
            for sequence in ShardExamples.sequences(
                (0..<200).map { 1 + $0 % 50 }, seed: UInt64(round), layers: [1, 2, 3])
            {
                let encoded = try writer.encode([sequence])[0].get()
                guard try writer.fits(encoded, within: limit) else { break }
                try writer.append(encoded)
            }
            #expect(try writer.finish().bytes <= limit)
        }
        #expect(
            description.rawBytesPerToken
                == 4 * 24 * storage.size + (storage == .int8 ? 8 : 0) + 5)
    }

    @Test func `a state that is not finite is refused by the writer`() throws {
        let folder = try TemporaryFolder()
        let writer = try ShardWriter(
            path: folder.file("shard.h5"), description: ShardExamples.description(layers: [4]),
            pool: ThreadPool(threadCount: 1))
        var rows = Tensor(zeros: [3, 24])
        rows[1, 5] = .nan
        let sequence = FeatureSequence(
            id: "a", tokens: [1, 2, 3], lossMask: [1, 1, 1], features: Tensor(zeros: [3, 24]),
            auxiliary: AuxiliaryFeatures(layers: [4], rows: rows))
        #expect(sequence.firstTokenNotFinite == 1)
        #expect(#expect(throws: FeatureProblem.self) { try writer.append(sequence) }?.token == 1)
    }

    @Test func `shards of other layers than their folder's, or with damaged ones, are refused in one line`() throws {
        let folder = try TemporaryFolder()
        let description = ShardExamples.description(layers: [2, 13])
        let sequences = ShardExamples.sequences([9], layers: [2, 13])
        func shard(_ name: String, write: (HDF5FileWriter) throws -> Void) throws -> String {
            let path = folder.file(name)
            let file = try HDF5FileWriter(path: path)
            try file.set("format", to: ShardLayout.format)
            try file.set("version", to: ShardLayout.version)
            try file.set("hidden_size", to: 2)
            try file.set("dtype", to: "float32")
            try file.set("max_length", to: 10)
            try file.set("target_fingerprint", to: "t")
            try file.set("tokenizer_fingerprint", to: "t")
            let pool = ThreadPool(threadCount: 1)
            func rows(_ name: String, _ type: HDF5ElementType, width: Int?) throws {
                let dataset = try file.growingDataset(name, type, width: width, chunkRows: 4, level: 1)
                try dataset.append([UInt8](repeating: 0, count: 3 * (width ?? 1) * type.size), on: pool)
                try dataset.finish(on: pool)
            }
            try rows("features", .float32, width: 2)
            try rows("tokens", .int32, width: nil)
            try rows("loss_mask", .uint8, width: nil)
            if name.contains("wide") { try rows("auxiliary_features", .float32, width: 6) }
            if name.contains("typed") { try rows("auxiliary_features", .int32, width: 4) }
            try write(file)
            try file.write("offsets", integers: [0, 3])
            try file.write("ids", texts: ["a"])
            _ = try file.finish()
            return path
        }
        for (name, layers, words) in [
            ("missing.h5", "2,13", "auxiliary_features"), ("wide.h5", "2,13", "auxiliary_features"),
            ("typed.h5", "2,13", "auxiliary_features"), ("order.h5", "13,2", "numbers of layers that ascend"),
            ("twice.h5", "2,2", "numbers of layers that ascend"), ("zero.h5", "0", "numbers of layers that ascend"),
            ("words.h5", "all", "numbers of layers that ascend"), ("empty.h5", "", "numbers of layers that ascend"),
        ] {
            let path = try shard(name) { try $0.set("auxiliary_layers", to: layers) }
            let line = refusal { _ = try ShardReader(path: path) }
            #expect(line?.contains(words) == true && line?.contains(name) == true, "\(name): \(line ?? "read")")
        }

        let store = try ShardFolder(path: folder.file("store"), description: description, settings: [:])
        try store.record(0, ShardExamples.write(sequences, description, to: store.shardPath(0)))
        #expect(try FeatureStore(folder: store.path).batch([0], on: ThreadPool(threadCount: 1)) == sequences)
        let others = ShardExamples.sequences([9], layers: [2, 14])
        try store.record(
            1, ShardExamples.write(others, ShardExamples.description(layers: [2, 14]), to: store.shardPath(1)))
        let line = refusal { _ = try FeatureStore(folder: store.path) }
        #expect(line?.contains("auxiliary_layers is 2,14, not 2,13") == true, "\(line ?? "")")
        let joining = refusal {
            _ = try ShardFolder(
                path: store.path, description: ShardExamples.description(), settings: [:])
        }
        #expect(joining?.contains("auxiliary_layers is none, not 2,13") == true, "\(joining ?? "")")
    }

    @Test func `a head's layers must be among those stored, and the fix is named`() throws {
        let folder = try TemporaryFolder()
        func store(_ layers: [Int]) throws -> FeatureStore {
            let description = ShardExamples.description(layers: layers)
            let store = try ShardFolder(
                path: folder.file("store\(layers.count)"), description: description, settings: [:])
            try store.record(
                0,
                ShardExamples.write(
                    ShardExamples.sequences([9], layers: layers), description, to: store.shardPath(0)))
            return try FeatureStore(folder: store.path)
        }
        let (none, three) = (try store([]), try store([2, 5, 9]))
        for (found, layers) in [(none, []), (three, []), (three, [5]), (three, [2, 9]), (three, [2, 5, 9])] {
            try found.requireLayers(layers)
        }
        let missing = refusal { try none.requireLayers([2, 9]) }
        #expect(missing?.contains("has hidden states of no layers") == true)
        #expect(missing?.contains("falcon-gen-data --auxiliary-layers 2,9") == true)
        #expect(refusal { try three.requireLayers([2, 8]) }?.contains("has hidden states of the layers 2,5,9") == true)
    }

    @Test func `numbers of layers are read as they are written`() {
        #expect(
            LayerNumbers.read("8,16") == [8, 16] && LayerNumbers.read("3") == [3]
                && LayerNumbers.read("1, 2") == [1, 2])
        for text in ["", ",", "8,8", "16,8", "0", "-1", "8,", "a", "1.5", "4097", "8 16,"] {
            #expect(LayerNumbers.read(text) == nil, "\(text)")
        }
        #expect(LayerNumbers.text([8, 16]) == "8,16")
    }
}
