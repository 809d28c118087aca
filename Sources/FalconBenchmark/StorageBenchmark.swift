import FalconModels
import FalconShards
import FalconTensor
import Foundation

/// What storing features costs and what it does to them: `falcon-bench storage`.
package struct StorageBenchmark {
    /// One way of storing.
    package struct Way: Encodable, Sendable {
        package let dtype: FeatureStorage
        package let zstdLevel: Int
        /// Of the whole shard, tokens and masks included.
        package let bytesPerToken: Double
        /// Bytes of features, tokens and masks for each stored byte.
        package let ratio: Double
        /// 10^6 bytes a second of features as they are stored, before compression.
        package let writeMegabytesPerSecond: Double
        package let readMegabytesPerSecond: Double
        package let writeTokensPerSecond: Double
        package let readTokensPerSecond: Double
        /// The part of the tokens whose likeliest next token is another one than with the given features.
        package let argmaxFlips: Double?
        /// The mean of KL(given || stored) through the LM head, in nats.
        package let meanDivergence: Double?

        enum CodingKeys: String, CodingKey {
            case dtype, ratio
            case zstdLevel = "zstd_level", bytesPerToken = "bytes_per_token"
            case writeMegabytesPerSecond = "write_megabytes_per_second"
            case readMegabytesPerSecond = "read_megabytes_per_second"
            case writeTokensPerSecond = "write_tokens_per_second", readTokensPerSecond = "read_tokens_per_second"
            case argmaxFlips = "argmax_flips", meanDivergence = "mean_kl"
        }
    }

    package struct Report: Encodable, Sendable {
        package let job = "storage"
        /// A folder of shards, or "synthetic".
        package let source: String
        /// How the given features were stored: float32 where nothing was lost before.
        package let sourceType: String
        package let sequences: Int
        package let tokens: Int
        package let hiddenSize: Int
        package let threads: Int
        package let ways: [Way]

        enum CodingKeys: String, CodingKey {
            case job, source, sequences, tokens, threads, ways
            case sourceType = "source_dtype", hiddenSize = "hidden_size"
        }
    }

    private let sequences: [FeatureSequence]
    private let source: String
    private let sourceType: String
    private let target: EmbeddingAndHead?
    private let pool: ThreadPool
    private let stopwatch = Stopwatch()

    /// - Parameters:
    ///   - shards: features to store again, best in float32; `nil` takes random ones, with a few dimensions that are
    ///     much wider than the rest, as language models have them.
    ///   - target: the model whose LM head shows the damage; `nil` measures none.
    ///   - limit: the most sequences to take from `shards`.
    package init(shards: String?, target: String?, limit: Int, pool: ThreadPool) throws {
        self.pool = pool
        self.target = try target.map { try EmbeddingAndHead(folder: $0, pool: pool) }
        if let shards {
            let store = try FeatureStore(folder: shards)
            sequences = try (0..<min(limit, store.count)).map { try store.sequence(at: $0, on: pool) }
            (source, sourceType) = (shards, store.description.storage.rawValue)
            if let ends = self.target, ends.fingerprint != store.description.targetFingerprint {
                throw FileError(
                    shards,
                    "its features were made with another target than \(target ?? ""); give the one that made them")
            }
        } else {
            sequences = StorageBenchmark.random(count: min(limit, 32), width: self.target?.configuration.hiddenSize)
            (source, sourceType) = ("synthetic", FeatureStorage.float32.rawValue)
        }
    }

    /// Measures every pair of a storage and a level.
    package func run(_ storages: [FeatureStorage], levels: [Int]) throws -> Report {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("falcon-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var ways: [Way] = []
        for storage in storages {
            for level in levels {
                let path = folder.appendingPathComponent("\(storage)-\(level)").path
                ways.append(try measure(storage, level, path, hasDamage: level == levels[0], ways.last))
            }
        }
        return Report(
            source: source, sourceType: sourceType, sequences: sequences.count,
            tokens: sequences.reduce(0) { $0 + $1.length }, hiddenSize: sequences[0].features.width,
            threads: pool.threadCount, ways: ways)
    }

    /// - Parameter hasDamage: whether it is to be measured; a level changes nothing about it, so the last way's holds.
    private func measure(
        _ storage: FeatureStorage, _ level: Int, _ path: String, hasDamage: Bool, _ last: Way?
    ) throws -> Way {
        let tokens = sequences.reduce(0) { $0 + $1.length }
        let width = sequences[0].features.width
        let description = ShardDescription(
            hiddenSize: width, storage: storage, maxLength: sequences.map(\.length).max() ?? 1,
            targetFingerprint: "benchmark", tokenizerFingerprint: "benchmark",
            teacherEntries: sequences[0].statistics?.entryCount)
        let shards = try ShardFolder(path: path, description: description, settings: [:])
        var written: ShardContents?
        let writing = try stopwatch.median(of: 1) {
            let writer = try ShardWriter(
                path: shards.shardPath(0), description: description, level: level, pool: pool)
            for sequence in sequences { try writer.append(sequence) }
            written = try writer.finish()
        }
        guard let contents = written else { preconditionFailure("nothing was written") }
        let bytes = contents.bytes
        try shards.record(0, contents)
        let store = try FeatureStore(folder: path)
        // As the trainer reads: batches of sequences from all over the shard.
        let batches = LengthBucketSampler(
            lengths: sequences.map(\.length), limit: .sequences(8), seed: 0
        ).batches(ofEpoch: 0)
        let reading = try stopwatch.median(of: 1) {
            for batch in batches { _ = try store.batch(batch, on: pool) }
        }
        let damage =
            hasDamage
            ? try target.map { try self.damage($0, store) }
            : last.flatMap { last in last.argmaxFlips.map { ($0, last.meanDivergence ?? 0) } }
        let features = Double(tokens * width * storage.size) / 1e6
        let raw = tokens * description.rawBytesPerToken
        return Way(
            dtype: storage, zstdLevel: level, bytesPerToken: Double(bytes) / Double(tokens),
            ratio: Double(raw) / Double(bytes), writeMegabytesPerSecond: features / writing,
            readMegabytesPerSecond: features / reading, writeTokensPerSecond: Double(tokens) / writing,
            readTokensPerSecond: Double(tokens) / reading, argmaxFlips: damage?.0, meanDivergence: damage?.1)
    }

    /// The part of tokens with another argmax, and the mean divergence.
    private func damage(_ target: EmbeddingAndHead, _ store: FeatureStore) throws -> (Double, Double) {
        var (flips, divergence, tokens) = (0, 0.0, 0)
        for (index, sequence) in sequences.enumerated() {
            let stored = try store.sequence(at: index, on: pool).features
            let (given, found) = (target.logits(sequence.features, on: pool), target.logits(stored, on: pool))
            flips += zip(given.argmaxRows(on: pool), found.argmaxRows(on: pool)).count { $0 != $1 }
            for row in 0..<sequence.length {
                divergence += StorageBenchmark.divergence(given.row(row), found.row(row))
            }
            tokens += sequence.length
        }
        return (Double(flips) / Double(tokens), divergence / Double(tokens))
    }

    /// KL(softmax(p) || softmax(q)) in nats.
    static func divergence(_ p: [Float], _ q: [Float]) -> Double {
        func normalizer(_ logits: [Float]) -> Double {
            let largest = Double(logits.max() ?? 0)
            return largest + log(logits.reduce(0) { $0 + exp(Double($1) - largest) })
        }
        let (ofP, ofQ) = (normalizer(p), normalizer(q))
        return zip(p, q).reduce(0) { sum, pair in
            let logP = Double(pair.0) - ofP
            return sum + exp(logP) * (logP - (Double(pair.1) - ofQ))
        }
    }

    private static func random(count: Int, width: Int?) -> [FeatureSequence] {
        var random = RandomSource(seed: 1)
        let width = width ?? 1024
        return (0..<count).map { index in
            var values = Tensor(normal: 1, [256, width], from: &random).scalars
            for row in 0..<256 { for outlier in 0..<4 { values[row * width + outlier * 17 % width] *= 20 } }
            return FeatureSequence(
                id: "random-\(index)", tokens: (0..<256).map { Int32($0) },
                lossMask: [UInt8](repeating: 1, count: 256), features: Tensor(values, [256, width]))
        }
    }
}
