import FalconDigest
import FalconShards
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@Suite struct ShardTests {
    @Test(arguments: FeatureStorage.allCases)
    func `a shard gives back what was written, within its type's rounding`(storage: FeatureStorage) throws {
        let folder = try TemporaryFolder()
        let written = ShardExamples.sequences([5, 1, 33, 100, 7])
        let contents = try ShardExamples.write(
            written, ShardExamples.description(storage), to: folder.file("shard.h5"), threads: 2)
        #expect(try folder.contents == ["shard.h5"])
        #expect(contents.sequences == 5 && contents.tokens == 146)
        #expect(contents.lossTokens == written.reduce(0) { $0 + $1.lossMask.reduce(0) { $0 + Int($1) } })

        let reader = try ShardReader(path: folder.file("shard.h5"))
        #expect(reader.description == ShardExamples.description(storage))
        #expect(reader.ids == written.map(\.id))
        for (index, expected) in written.enumerated() {
            let sequence = try reader.sequence(at: index)
            #expect(sequence.tokens == expected.tokens)
            #expect(sequence.lossMask == expected.lossMask)
            switch storage {
            case .float32: #expect(sequence.features == expected.features)
            case .float16: expectClose(sequence.features, expected.features, absolute: 1e-7, relative: 0x1p-11)
            case .bfloat16: expectClose(sequence.features, expected.features, relative: 0x1p-8)
            case .int8:
                for row in 0..<sequence.length {
                    let values = expected.features.row(row)
                    // Half a step, and the rounding of the product.
                    let step = (values.map(abs).max() ?? 0) / 127
                    expectClose(sequence.features.row(row), values, absolute: step * 0.5001)
                }
            }
        }
    }

    @Test func `what the target says is stored beside the features, and refused where it is no distribution`() throws {
        let folder = try TemporaryFolder()
        let description = ShardExamples.description(.int8, teacherEntries: 3)
        let written = ShardExamples.sequences([40, 9], teacherEntries: 3)
        try ShardExamples.write(written, description, to: folder.file("shard.h5"))
        let reader = try ShardReader(path: folder.file("shard.h5"))
        #expect(reader.description == description)
        #expect(try (0..<2).map { try reader.sequence(at: $0).statistics } == written.map(\.statistics))
        #expect(try reader.sequence(at: 0, limit: 7).statistics == written[0].statistics?.prefix(7))

        let broken = FeatureSequence(
            id: "broken", tokens: [1], lossMask: [1], features: Tensor(zeros: [1, 24]),
            statistics: TeacherStatistics(
                entryCount: 3, tokens: [1, 2, 3], logProbabilities: [-1, -0.5, -2], logNormalizers: [1]))
        try ShardExamples.write([broken], description, to: folder.file("broken.h5"))
        let line = refusal { _ = try ShardReader(path: folder.file("broken.h5")).sequence(at: 0) }
        #expect(
            line?.contains("sequence 0 (broken): row 0 of its teacher statistics is no part of") == true,
            "\(line ?? "")")
    }

    @Test func `a limit reads the first tokens only`() throws {
        let folder = try TemporaryFolder()
        let written = ShardExamples.sequences([40])
        try ShardExamples.write(written, ShardExamples.description(), to: folder.file("shard.h5"))
        let part = try ShardReader(path: folder.file("shard.h5")).sequence(at: 0, limit: 9)
        #expect(part.tokens == Array(written[0].tokens.prefix(9)))
        #expect((0..<9).allSatisfy { part.features.row($0) == written[0].features.row($0) })
    }

    @Test func `a token whose features are all zero survives int8`() throws {
        let folder = try TemporaryFolder()
        let zero = FeatureSequence(id: "", tokens: [3], lossMask: [1], features: Tensor(zeros: [1, 24]))
        try ShardExamples.write([zero], ShardExamples.description(.int8), to: folder.file("shard.h5"))
        #expect(try ShardReader(path: folder.file("shard.h5")).sequence(at: 0) == zero)
    }

    @Test func `the file's bytes do not depend on the number of threads or the time`() throws {
        let folder = try TemporaryFolder()
        let sequences = ShardExamples.sequences([90, 80, 100, 33])
        for (name, threads) in [("a.h5", 1), ("b.h5", 3)] {
            try ShardExamples.write(
                sequences, ShardExamples.description(.bfloat16), to: folder.file(name), threads: threads, chunkRows: 3)
            Thread.sleep(forTimeInterval: 1.1)
        }
        let digests = try ["a.h5", "b.h5"].map { try SHA256Digest.hexadecimal(ofFile: folder.file($0)) }
        #expect(digests[0] == digests[1])
    }

    @Test func `features that cannot be stored are refused and leave the shard as it was`() throws {
        let folder = try TemporaryFolder()
        let writer = try ShardWriter(
            path: folder.file("shard.h5"), description: ShardExamples.description(.float16),
            pool: ThreadPool(threadCount: 1))
        let good = ShardExamples.sequences([4])[0]
        for value in [Float.infinity, .nan, 70_000] {
            let bad = FeatureSequence(
                id: "bad", tokens: [1], lossMask: [1], features: Tensor(repeating: value, [1, 24]))
            #expect(throws: FeatureProblem.self) { try writer.append(bad) }
        }
        var oneBad = ShardExamples.sequences([4])[0].features
        oneBad[2, 5] = .infinity
        let problem = #expect(throws: FeatureProblem.self) {
            try writer.append(
                FeatureSequence(id: "bad", tokens: [1, 2, 3, 4], lossMask: [1, 1, 1, 1], features: oneBad))
        }
        #expect(problem?.token == 2)
        try writer.append(good)
        #expect(try writer.finish().sequences == 1)
        #expect(try ShardReader(path: folder.file("shard.h5")).sequence(at: 0).tokens == good.tokens)
    }

    @Test(arguments: FeatureStorage.allCases)
    func `what is said to fit within a limit does`(storage: FeatureStorage) throws {
        let folder = try TemporaryFolder()
        var random = RandomSource(seed: 5)
        for round in 0..<12 {
            let width = [3, 24, 200][round % 3]
            let description = ShardExamples.description(storage, hiddenSize: width, maxLength: 400)
            let limit = 24_000 + random.below(400_000)
            let writer = try ShardWriter(
                path: folder.file("shard.h5"), description: description, chunkRows: [nil, 2, 60][round / 3 % 3],
                pool: ThreadPool(threadCount: 1))
            var count = 0
            while count < 300 {
                let length = 1 + random.below(60)
                let id = String(repeating: "n", count: random.below(90))
                let sequence = FeatureSequence(
                    id: id, tokens: (0..<length).map { _ in Int32(random.below(1 << 30)) },
                    lossMask: (0..<length).map { _ in UInt8(random.below(2)) },
                    features: Tensor(normal: 1, [length, width], from: &random))
                let encoded = try writer.encode([sequence])[0].get()
                guard try writer.fits(encoded, within: limit) else { break }
                try writer.append(encoded)
                count += 1
            }
            let bytes = try writer.finish().bytes
            #expect(bytes <= limit, "\(bytes) bytes of \(limit), \(count) sequences \(width) wide")
        }
    }

    @Test func `a shard without sequences is a shard`() throws {
        let folder = try TemporaryFolder()
        let contents = try ShardExamples.write([], ShardExamples.description(.int8), to: folder.file("shard.h5"))
        #expect(contents.tokens == 0)
        #expect(try ShardReader(path: folder.file("shard.h5")).count == 0)
    }

    @Test func `a writer that is dropped leaves nothing`() throws {
        let folder = try TemporaryFolder()
        do {
            let writer = try ShardWriter(
                path: folder.file("shard.h5"), description: ShardExamples.description(),
                pool: ThreadPool(threadCount: 1))
            try writer.append(ShardExamples.sequences([50])[0])
        }
        #expect(try folder.contents == [])
    }

    @Test func `files that are no shards are refused by what they lack`() throws {
        let fixture = Fixtures.path("hdf5/f16_zstd.h5")
        #expect(refusal { _ = try ShardReader(path: fixture) }?.contains("its format is fixture") == true)
    }

    @Test(arguments: try Fixtures.contents(of: "hdf5/inconsistent"))
    func `a file whose parts disagree is refused`(name: String) throws {
        #expect(
            refusal { _ = try ShardReader(path: Fixtures.path("hdf5/inconsistent/\(name)")) }?.contains(name) == true)
    }

    @Test func `a shard with one byte changed is read or refused, but never crashes the reader`() throws {
        let folder = try TemporaryFolder()
        let sequences = ShardExamples.sequences([30, 20], hiddenSize: 16)
        try ShardExamples.write(
            sequences, ShardExamples.description(.bfloat16, hiddenSize: 16), to: folder.file("good.h5"))
        let file = try MappedFile(path: folder.file("good.h5"))
        let bytes = file.bytes(0..<file.count)
        var random = RandomSource(seed: 11)
        for _ in 0..<250 {
            var changed = bytes
            changed[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
            let path = try folder.write(changed, to: "changed.h5")
            _ = refusal {
                let reader = try ShardReader(path: path)
                for index in 0..<reader.count { _ = try reader.sequence(at: index) }
            }
        }
    }
}
