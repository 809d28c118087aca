import FalconShards
import FalconTensor
import FalconTestSupport
import Testing

@Suite struct BatchTests {
    private func lengths(_ count: Int) -> [Int] {
        var random = RandomSource(seed: 3)
        return (0..<count).map { _ in 1 + random.below(500) }
    }

    @Test(arguments: [LengthBucketSampler.Limit.sequences(4), .paddedTokens(2000)])
    func `every sequence comes once an epoch, whatever the limit`(limit: LengthBucketSampler.Limit) {
        let lengths = lengths(301)
        var sampler = LengthBucketSampler(lengths: lengths, limit: limit, seed: 5)
        for epoch in 0..<3 {
            var seen: [Int] = []
            for _ in 0..<sampler.batches(ofEpoch: epoch).count { seen += sampler.next() }
            #expect(seen.sorted() == Array(0..<301))
        }
    }

    @Test func `batches keep their limit and hold similar lengths`() {
        let lengths = lengths(1000)
        let sampler = LengthBucketSampler(lengths: lengths, limit: .sequences(4), seed: 5)
        let batches = sampler.batches(ofEpoch: 0)
        #expect(batches.count == 250 && sampler.batchesPerEpoch == 250)
        #expect(batches.allSatisfy { $0.count == 4 })
        let padded = batches.reduce(0) { sum, batch in sum + 4 * (batch.map { lengths[$0] }.max() ?? 0) }
        // In random order, four lengths of 1...500 waste about 38 % of a batch.
        #expect(Double(lengths.reduce(0, +)) / Double(padded) > 0.95)

        let budget = LengthBucketSampler(lengths: lengths, limit: .paddedTokens(1500), seed: 5).batches(ofEpoch: 0)
        #expect(budget.allSatisfy { $0.count * ($0.map { lengths[$0] }.max() ?? 0) <= 1500 })
    }

    @Test func `a sequence longer than the budget is a batch by itself`() {
        let sampler = LengthBucketSampler(lengths: [900, 10, 10], limit: .paddedTokens(100), seed: 1)
        #expect(sampler.batches(ofEpoch: 0).contains([0]))
        #expect(sampler.batchesPerEpoch == 2)
    }

    @Test func `the order follows from the seed, and differs between seeds and epochs`() {
        let lengths = lengths(100)
        func batches(_ seed: UInt64, _ epoch: Int) -> [[Int]] {
            LengthBucketSampler(lengths: lengths, limit: .sequences(3), seed: seed).batches(ofEpoch: epoch)
        }
        #expect(batches(1, 0) == batches(1, 0))
        #expect(batches(1, 0) != batches(2, 0))
        #expect(batches(1, 0) != batches(1, 1))
    }

    @Test func `a sampler goes on where a saved position stood, over an epoch's end too`() {
        let lengths = lengths(50)
        var whole = LengthBucketSampler(lengths: lengths, limit: .sequences(4), seed: 9)
        for taken in 0..<30 {
            var resumed = LengthBucketSampler(
                lengths: lengths, limit: .sequences(4), seed: 9, position: whole.position)
            var copy = whole
            #expect((0..<20).map { _ in resumed.next() } == (0..<20).map { _ in copy.next() }, "after \(taken)")
            _ = whole.next()
        }
    }

    @Test func `only the given sequences are taken`() {
        let sampler = LengthBucketSampler(lengths: lengths(20), indices: [3, 5, 7], limit: .sequences(2), seed: 1)
        #expect(sampler.batches(ofEpoch: 0).flatMap { $0 }.sorted() == [3, 5, 7])
    }

    @Test func `the prefetcher gives the sampler's batches in order, with the position behind each`() throws {
        let folder = try TemporaryFolder()
        let store = try makeStore(in: folder)
        var sampler = LengthBucketSampler(lengths: store.sequences.map(\.length), limit: .sequences(2), seed: 4)
        let prefetcher = Prefetcher(store, sampler, maxLength: 10)
        for _ in 0..<9 {
            let indices = sampler.next()
            let batch = try prefetcher.next()
            #expect(batch.sequences == (try indices.map { try store.sequence(at: $0, limit: 10) }))
            #expect(batch.following == sampler.position)
        }
    }

    @Test func `what goes wrong while reading ahead reaches the caller, again and again`() throws {
        let folder = try TemporaryFolder()
        let store = try makeStore(in: folder)
        // Twelve more empty stores' worth of shards cannot push this one out of the open ones, so damage it in place.
        let path = folder.file("shard-00000.h5")
        let file = try MappedFile(path: path)
        try folder.write([UInt8](repeating: 0, count: file.count), to: "shard-00000.h5")
        let sampler = LengthBucketSampler(lengths: store.sequences.map(\.length), limit: .sequences(2), seed: 4)
        let prefetcher = Prefetcher(store, sampler)
        for _ in 0..<3 { #expect(refusal { _ = try prefetcher.next() } != nil) }
    }

    private func makeStore(in folder: TemporaryFolder) throws -> FeatureStore {
        let shards = try ShardFolder(path: folder.path, description: ShardExamples.description(), settings: [:])
        let contents = try ShardExamples.write(
            ShardExamples.sequences([4, 9, 30, 2, 17]), shards.description, to: shards.shardPath(0))
        try shards.record(0, contents)
        return try FeatureStore(folder: folder.path)
    }
}
