import FalconShards
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@Suite struct FeatureStoreTests {
    /// A folder with three shards, one of them empty.
    private func makeStore(in folder: TemporaryFolder) throws -> [FeatureSequence] {
        let shards = try ShardFolder(
            path: folder.file("out"), description: ShardExamples.description(), settings: ["dataset": "abc"])
        let parts = [ShardExamples.sequences([5, 9]), [], ShardExamples.sequences([12, 3, 30], seed: 2)]
        for (number, part) in parts.enumerated() {
            let contents = try ShardExamples.write(part, shards.description, to: shards.shardPath(number))
            try shards.record(number, contents, skipped: number == 1 ? ["no assistant turn": 2] : [:])
        }
        return parts.flatMap { $0 }
    }

    @Test func `a store numbers all sequences of all shards through`() throws {
        let folder = try TemporaryFolder()
        let written = try makeStore(in: folder)
        let store = try FeatureStore(folder: folder.file("out"))
        #expect(store.sequences.map(\.id) == written.map(\.id))
        #expect(store.sequences.map(\.length) == written.map(\.length))
        for (index, sequence) in written.enumerated() { #expect(try store.sequence(at: index) == sequence) }
        #expect(store.manifest.shards.map(\.input) == [2, 2, 3])
        try store.verifyDigests()
    }

    @Test func `several threads may read at once`() throws {
        let folder = try TemporaryFolder()
        let written = try makeStore(in: folder)
        let store = try FeatureStore(folder: folder.file("out"))
        DispatchQueue.concurrentPerform(iterations: 64) { round in
            let index = round % written.count
            #expect((try? store.sequence(at: index)) == written[index])
        }
    }

    @Test func `features of another target or tokenizer are refused in one line that says which`() throws {
        let folder = try TemporaryFolder()
        _ = try makeStore(in: folder)
        let store = try FeatureStore(folder: folder.file("out"))
        try store.requireFingerprints(target: "target-α", tokenizer: "tokenizer")
        let target = refusal { try store.requireFingerprints(target: "other", tokenizer: "tokenizer") }
        #expect(target?.contains("another target") == true)
        let tokenizer = refusal { try store.requireFingerprints(target: "target-α", tokenizer: "other") }
        #expect(tokenizer?.contains("another tokenizer") == true)
    }

    @Test func `a folder made with other settings is refused by the setting's name`() throws {
        let folder = try TemporaryFolder()
        _ = try makeStore(in: folder)
        let settings = refusal {
            _ = try ShardFolder(
                path: folder.file("out"), description: ShardExamples.description(), settings: ["dataset": "xyz"])
        }
        #expect(settings?.contains("dataset is xyz, not abc") == true)
        let type = refusal {
            _ = try ShardFolder(
                path: folder.file("out"), description: ShardExamples.description(.int8), settings: ["dataset": "abc"])
        }
        #expect(type?.contains("dtype is int8, not float32") == true)
    }

    @Test func `a shard that changed after it was finished is found`() throws {
        let folder = try TemporaryFolder()
        _ = try makeStore(in: folder)
        let path = folder.file("out/shard-00002.h5")
        let file = try MappedFile(path: path)
        var bytes = file.bytes(0..<file.count)
        bytes[bytes.count / 2] ^= 1
        try folder.write(bytes, to: "out/shard-00002.h5")
        let store = try? FeatureStore(folder: folder.file("out"))
        #expect(refusal { try store?.verifyDigests() }?.contains("shard-00002.h5: its sha256 is") != false)

        try ShardExamples.write(
            ShardExamples.sequences([4]), ShardExamples.description(), to: path)
        let message = refusal { _ = try FeatureStore(folder: folder.file("out")) }
        #expect(message?.contains("holds 1 sequences of 4 tokens where the manifest says 3 of 45") == true)
    }

    @Test func `a folder without a manifest, with a damaged or a hostile one is refused`() throws {
        let folder = try TemporaryFolder()
        #expect(refusal { _ = try FeatureStore(folder: folder.path) }?.contains("has no manifest.json") == true)
        try folder.write("{\"format\": \"falcon-manifest\"}", to: "manifest.json")
        #expect(refusal { _ = try FeatureStore(folder: folder.path) }?.contains("the key version is missing") == true)
        _ = try makeStore(in: folder)
        let manifest = try String(contentsOfFile: folder.file("out/manifest.json"), encoding: .utf8)
        try folder.write(
            manifest.replacingOccurrences(of: "shard-00000.h5", with: "../../etc/passwd"), to: "out/manifest.json")
        #expect(refusal { _ = try FeatureStore(folder: folder.file("out")) }?.contains("names the shard ..") == true)
    }

    @Test func `writers side by side lose no shard in the manifest`() throws {
        let folder = try TemporaryFolder()
        let numbers = Array(0..<24)
        // Each with a ShardFolder of its own, as separate processes have: flock holds between open files.
        DispatchQueue.concurrentPerform(iterations: 4) { part in
            do {
                let shards = try ShardFolder(
                    path: folder.path, description: ShardExamples.description(), settings: [:])
                for number in numbers where number % 4 == part {
                    let contents = try ShardExamples.write(
                        ShardExamples.sequences([number + 1], seed: UInt64(number)), shards.description,
                        to: shards.shardPath(number))
                    try shards.record(number, contents)
                }
            } catch { Issue.record("\(error)") }
        }
        let store = try FeatureStore(folder: folder.path)
        #expect(store.manifest.shards.map(\.file) == numbers.map(ShardFolder.shardName))
        #expect(store.sequences.map(\.length) == numbers.map { $0 + 1 })
    }

    @Test func `an unfinished shard is not taken for a finished one`() throws {
        let folder = try TemporaryFolder()
        let shards = try ShardFolder(path: folder.path, description: ShardExamples.description(), settings: [:])
        let contents = try ShardExamples.write(
            ShardExamples.sequences([4]), shards.description, to: shards.shardPath(0))
        // Renamed into place, but its facts were never written.
        #expect(try shards.finishedShard(0) == nil)
        let facts = try shards.record(0, contents)
        #expect(try shards.finishedShard(0) == facts)
        try folder.write([1, 2, 3], to: "shard-00000.h5")
        #expect(try shards.finishedShard(0) == nil)
    }

    @Test func `the split into training and validation depends on the names alone`() throws {
        let folder = try TemporaryFolder()
        let shards = try ShardFolder(path: folder.path, description: ShardExamples.description(), settings: [:])
        let sequences = ShardExamples.sequences(Array(repeating: 1, count: 400))
        let contents = try ShardExamples.write(sequences, shards.description, to: shards.shardPath(0), chunkRows: 64)
        try shards.record(0, contents)
        let store = try FeatureStore(folder: folder.path)
        let split = store.split(validationFraction: 0.1)
        #expect((split.training + split.validation).sorted() == Array(0..<400))
        #expect((20...60).contains(split.validation.count))
        #expect(store.split(validationFraction: 0).validation.isEmpty)
    }
}
