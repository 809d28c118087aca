import FalconShards
import FalconTensor
import FalconTestSupport
import Testing

@Suite struct ShardCollectionTests {
    private func makeFolder(
        _ name: String, seeds: [UInt64], _ storage: FeatureStorage = .int8, in folder: TemporaryFolder
    ) throws -> [FeatureSequence] {
        let shards = try ShardFolder(
            path: folder.file(name), description: ShardExamples.description(storage, teacherEntries: 2),
            settings: ["template": "chatml", "dataset_sha256": name])
        var all: [FeatureSequence] = []
        for (number, seed) in seeds.enumerated() {
            let part = ShardExamples.sequences([5, 9, 30, 2], seed: seed, teacherEntries: 2)
            let contents = try ShardExamples.write(part, shards.description, to: shards.shardPath(number))
            try shards.record(number, contents, skipped: ["too short": 1])
            let reader = try ShardReader(path: shards.shardPath(number))
            all += try (0..<reader.count).map { try reader.sequence(at: $0) }
        }
        return all
    }

    private func sequences(_ folder: String) throws -> [FeatureSequence] {
        let store = try FeatureStore(folder: folder)
        try store.verifyDigests()
        return try (0..<store.count).map { try store.sequence(at: $0) }
    }

    @Test func `merging keeps every sequence and the accounts, and leaves out shards that are there twice`() throws {
        let folder = try TemporaryFolder()
        let first = try makeFolder("a", seeds: [1, 2], in: folder)
        let second = try makeFolder("b", seeds: [3, 2], in: folder)
        let merged = try ShardCollection.merge([folder.file("a"), folder.file("b")], into: folder.file("both"))
        #expect(merged.shards == 3 && merged.repeatedShards == 1 && merged.sequences == 12)
        #expect(try sequences(folder.file("both")) == first + second.prefix(4))
        let manifest = try ShardManifest(folder: folder.file("both"))
        #expect(manifest.shards.map(\.input) == [5, 5, 5])
        #expect(manifest.settings["template"] == "chatml" && manifest.settings["dataset_sha256"] == "a + b")
    }

    @Test func `folders of different kinds, damaged shards and outputs in use are refused`() throws {
        let folder = try TemporaryFolder()
        _ = try makeFolder("a", seeds: [1], in: folder)
        _ = try makeFolder("b", seeds: [2], .float16, in: folder)
        let paths = [folder.file("a"), folder.file("b")]
        let kinds = refusal { _ = try ShardCollection.merge(paths, into: folder.file("out")) }
        #expect(kinds?.contains("its dtype is float16, not int8") == true)
        let used = refusal { _ = try ShardCollection.merge([paths[0]], into: paths[1]) }
        #expect(used?.contains("is not empty") == true)
        let file = try MappedFile(path: folder.file("a/shard-00000.h5"))
        var bytes = file.bytes(0..<file.count)
        bytes[bytes.count / 2] ^= 1
        try folder.write(bytes, to: "a/shard-00000.h5")
        let damaged = refusal { _ = try ShardCollection.merge([paths[0]], into: folder.file("out")) }
        #expect(damaged?.contains("shard-00000.h5: its sha256 is") == true)
    }

    @Test(arguments: FeatureStorage.allCases)
    func `a sample has the very bits of the sequences it was drawn from`(storage: FeatureStorage) throws {
        let folder = try TemporaryFolder()
        let all = try makeFolder("all", seeds: [1, 2, 3], storage, in: folder)
        let store = try FeatureStore(folder: folder.file("all"))
        let pool = ThreadPool(threadCount: 1)
        var draws: [[Int]] = []
        for (name, seed) in [("x", UInt64(7)), ("y", 7), ("z", 8)] {
            let chosen = try ShardCollection.sample(
                store, count: 5, seed: seed, into: folder.file(name), sequencesPerShard: 2, pool: pool)
            #expect(chosen.count == 5 && chosen == chosen.sorted() && Set(chosen).count == 5)
            #expect(try sequences(folder.file(name)) == chosen.map { all[$0] })
            draws.append(chosen)
        }
        #expect(draws[0] == draws[1] && draws[0] != draws[2])
        let everything = try ShardCollection.sample(
            store, count: 99, seed: 0, into: folder.file("w"), pool: pool)
        #expect(everything == Array(all.indices))
    }
}
