import FalconCluster
import FalconModels
import FalconTensor
import FalconTestSupport
import FalconWeights

@testable import FalconShards
@testable import FalconTraining

/// A target of which only embedding and LM head exist, and feature shards in which each token decides the next: a
/// small head learns them in seconds.
struct DraftExample {
    static let vocabulary = 16
    static let hidden = 24

    let temporary: TemporaryFolder
    let target: EmbeddingAndHead
    var pool: ThreadPool
    let shards: String

    /// - Parameters:
    ///   - poisoned: sequences with another value in the first feature of their token 8.
    ///   - teacherEntries: of the teacher statistics in the shards.
    ///   - layers: whose states are in the shards: of the token two steps ahead, which features say nothing of.
    init(
        sequences count: Int = 80, poisoned: [Int: Float] = [:], teacherEntries: Int? = nil, layers: [Int] = [],
        pool: ThreadPool
    ) throws {
        temporary = try TemporaryFolder()
        self.pool = pool
        shards = temporary.file("features")
        var random = RandomSource(seed: 3)
        let (vocabulary, hidden) = (DraftExample.vocabulary, DraftExample.hidden)
        let head = Tensor(normal: 1, [vocabulary, hidden], from: &random)
        target = EmbeddingAndHead(
            ModelConfiguration(
                vocabularySize: vocabulary, hiddenSize: hidden, layerCount: layers.last ?? 1, headCount: 2,
                intermediateSize: 32),
            fingerprint: "target", embedding: StoredMatrix(Tensor(normal: 1, [vocabulary, hidden], from: &random)),
            head: StoredMatrix(head))
        let description = ShardDescription(
            hiddenSize: hidden, storage: .float32, maxLength: 64, targetFingerprint: "target",
            tokenizerFingerprint: "tokenizer", teacherEntries: teacherEntries, auxiliaryLayers: layers)
        let folder = try ShardFolder(path: shards, description: description, settings: [:])
        let writer = try ShardWriter(path: folder.shardPath(0), description: description, pool: pool)
        for index in 0..<count {
            let length = 12 + random.below(20)
            var tokens: [Int32] = [Int32(random.below(vocabulary))]
            while tokens.count <= length { tokens.append((tokens[tokens.count - 1] * 5 + 3) % Int32(vocabulary)) }
            // f_i points at t_{i+1}, so that the target's choice is the sequence's own next token.
            var features = (0..<length).flatMap { head.row(Int(tokens[$0 + 1])).map { $0 * 0.5 } }
            if let value = poisoned[index] { features[hidden * 8] = value }
            let tensor = Tensor(features, [length, hidden])
            // As stored bytes: the writer takes no features that are not finite, but other programs write shards too.
            try writer.append(
                StoredSequence(
                    id: "dialogue-\(index)", tokens: Array(tokens.prefix(length)),
                    lossMask: (0..<length).map { $0 < 5 ? 0 : 1 },
                    features: EncodedFeatures(bytes: tensor.bytes(as: .float32), scales: nil),
                    statistics: teacherEntries.map {
                        let logits = PackedMatrix([StoredMatrix(head)], arithmetic: .float32, on: pool).multiply(
                            tensor, on: pool)
                        return TeacherStatistics(logits: logits, entryCount: $0)
                    },
                    auxiliary: layers.isEmpty
                        ? nil
                        : EncodedFeatures(
                            bytes: DraftExample.states(tokens, head, layers: layers.count).bytes(as: .float32),
                            scales: nil)))
        }
        try folder.record(0, writer.finish())
    }

    /// States at all tokens but the last.
    private static func states(_ tokens: [Int32], _ head: Tensor, layers: Int) -> Tensor {
        let rows = (0..<tokens.count - 1).flatMap { position in
            (0..<layers).flatMap { layer in
                let ahead = tokens[min(position + 2, tokens.count - 1)]
                return head.row(Int((ahead + Int32(layer)) % Int32(vocabulary)))
            }
        }
        return Tensor(rows, [tokens.count - 1, layers * hidden])
    }

    func recipe(_ settings: [String] = []) throws -> Recipe {
        try Recipe(
            toml: """
                [data]
                validation_fraction = 0.2
                [draft]
                block_size = 2
                [optimizer]
                learning_rate = 0.01
                [schedule]
                kind = "constant"
                warmup_steps = 3
                [training]
                epochs = 6
                batch_size = 8
                accumulation = 2
                checkpoint_every_steps = 10
                [evaluation]
                every_steps = 10
                [loss]
                distill_weight = 1.0
                """, source: "test", settings: ["data.shards=\(shards)"] + settings)
    }

    func task(_ recipe: Recipe, on cluster: any ClusterCommunicator = SingleProcess()) throws -> DraftTraining {
        try DraftTraining(
            recipe: recipe, target: target, tokenizer: "tokenizer", source: try FeatureStore(folder: shards),
            share: SliceShare(recipe, rank: cluster.rank, of: cluster.size), pool: pool, log: { _ in })
    }

    @discardableResult
    func train(
        _ recipe: Recipe, _ folder: String, on cluster: any ClusterCommunicator = SingleProcess(),
        resume: Bool = false, stopAfter: Int = .max, log: @escaping (String) -> Void = { _ in }
    ) throws -> [MetricRecord] {
        var records: [MetricRecord] = []
        let environment = TrainingEnvironment(
            pool: pool, cluster: cluster, now: { 0 }, shouldStop: { records.count >= stopAfter },
            report: { _, _, _, record in records.append(record) }, log: log)
        _ = try TrainingLoop(
            recipe: recipe, task: try task(recipe, on: cluster), folder: folder, resume: resume,
            environment: environment
        ).run()
        return records
    }
}
