import FalconShards
import FalconTensor
import FalconTestSupport

/// Sequences and shards made from seeds.
enum ShardExamples {
    static func description(
        _ storage: FeatureStorage = .float32, hiddenSize: Int = 24, maxLength: Int = 100, teacherEntries: Int? = nil,
        layers: [Int] = []
    ) -> ShardDescription {
        ShardDescription(
            hiddenSize: hiddenSize, storage: storage, maxLength: maxLength, targetFingerprint: "target-α",
            tokenizerFingerprint: "tokenizer", teacherEntries: teacherEntries, auxiliaryLayers: layers)
    }

    static func sequences(
        _ lengths: [Int], hiddenSize: Int = 24, seed: UInt64 = 1, teacherEntries: Int? = nil, layers: [Int] = []
    ) -> [FeatureSequence] {
        var random = RandomSource(seed: seed)
        return lengths.enumerated().map { index, length in
            FeatureSequence(
                id: "chat-\(seed)-\(index) é", tokens: (0..<length).map { _ in Int32(random.below(50_000)) },
                lossMask: (0..<length).map { _ in UInt8(random.below(2)) },
                features: Tensor(normal: 3, [length, hiddenSize], from: &random),
                statistics: teacherEntries.map {
                    TeacherStatistics(logits: Tensor(normal: 2, [length, 50], from: &random), entryCount: $0)
                },
                auxiliary: layers.isEmpty
                    ? nil
                    : AuxiliaryFeatures(
                        layers: layers, rows: Tensor(normal: 1, [length, layers.count * hiddenSize], from: &random)))
        }
    }

    /// Writes a shard with small chunks, so that sequences cross their bounds.
    @discardableResult
    static func write(
        _ sequences: [FeatureSequence], _ description: ShardDescription, to path: String, threads: Int = 1,
        chunkRows: Int? = 7
    ) throws -> ShardContents {
        let writer = try ShardWriter(
            path: path, description: description, chunkRows: chunkRows, pool: ThreadPool(threadCount: threads))
        for sequence in sequences { try writer.append(sequence) }
        return try writer.finish()
    }
}
