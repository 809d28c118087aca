import FalconDraft
import FalconModels
import FalconShards
import FalconTensor
import FalconTraining
import FalconWeights
import Foundation

/// Times whole steps of the trainer on random features: reading the batch, glancing's first pass, the second pass with
/// its gradient, AdamW.
package struct TrainingBenchmark {
    package let size: BenchmarkSize
    package let fusion: FusionKind
    /// What the operands of products are rounded to.
    package let precision: ProductPrecision
    /// Whether a step has glancing's first pass.
    package let glance: Bool
    /// Entries of stored teacher statistics; `nil` multiplies the target's features by the vocabulary.
    package let teacherEntries: Int?
    /// Whether activations are computed again on the way back.
    package let recompute: Bool
    package let pool: ThreadPool
    private let configuration: ModelConfiguration
    /// Tokens of a sequence.
    private let length: Int
    /// Of a batch, and the slices that it is cut into; 0: none.
    private let sequences, slices: Int

    private static let fingerprint = "random"

    /// - Parameters:
    ///   - vocabulary, hidden: taken in place of the size's own.
    package init(
        size: BenchmarkSize, fusion: FusionKind, precision: ProductPrecision, glance: Bool = true,
        teacherEntries: Int? = nil, recompute: Bool = false, vocabulary: Int? = nil, hidden: Int? = nil,
        pool: ThreadPool
    ) {
        (self.size, self.fusion, self.precision) = (size, fusion, precision)
        (self.glance, self.teacherEntries, self.recompute, self.pool) = (glance, teacherEntries, recompute, pool)
        var configuration = size.configuration
        if let vocabulary { configuration.vocabularySize = vocabulary }
        if let hidden {
            configuration = ModelConfiguration(
                vocabularySize: configuration.vocabularySize, hiddenSize: hidden, layerCount: 1,
                headCount: max(1, hidden / 64), intermediateSize: hidden * 11 / 4)
        }
        self.configuration = configuration
        (length, sequences, slices) = (512, size.trainingBatch, 0)
    }

    /// Steps of a head in the shape of a target, over slices of a sequence each; for `pieces()`.
    package init(
        like target: ModelConfiguration, length: Int, slices: Int, fusion: FusionKind, precision: ProductPrecision,
        glance: Bool, pool: ThreadPool
    ) {
        (size, teacherEntries, recompute) = (.small, nil, false)
        (self.fusion, self.precision, self.glance, self.pool) = (fusion, precision, glance, pool)
        (configuration, self.length, sequences, self.slices) = (target, length, slices, slices)
    }

    /// The median step, after one that is not measured.
    ///
    /// - Throws: `FileError` where the disk of temporary files fails.
    package func run() throws -> BenchmarkReport {
        try withLoop { loop in
            let stopwatch = Stopwatch()
            let seconds = try stopwatch.median { _ = try loop.step() }
            // Before the machine's limits are measured, which takes memory of its own.
            let peak = ProcessMemory.peakByteCount
            return report(seconds, peak, MachineLimits.measure(on: pool))
        }
    }

    /// What a step over slices takes: the passes of a slice, and all else, which is work on weights and gradients.
    ///
    /// - Returns: medians of some steps.
    func pieces() throws -> (slice: Double, rest: Double) {
        try withLoop { loop in
            var (passes, rests) = ([Double](), [Double]())
            // Batches of the first step touch their memory for the first time.
            _ = try loop.step()
            for _ in 0..<5 {
                let (seconds, spans) = try loop.timedStep()
                // The last slice's backward pass adds up the slices on the way: the others are what a slice takes.
                let last = slices - 1
                let others = spans.filter { [.forward, .backward].contains($0.part) && $0.number < last }
                let own = others.reduce(0) { $0 + $1.end - $1.start } / Double(max(1, last))
                passes.append(own)
                rests.append(max(0, seconds - own * Double(slices)))
            }
            return (passes.sorted()[2], rests.sorted()[2])
        }
    }

    private func withLoop<Result>(_ body: (TrainingLoop) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("falcon-bench-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try body(makeLoop(folder))
    }

    private func makeLoop(_ folder: String) throws -> TrainingLoop {
        var source = RandomSource(seed: 1)
        let (vocabulary, hidden) = (configuration.vocabularySize, configuration.hiddenSize)
        // One block of random numbers serves everything: drawing a hundred million takes longer than the benchmark.
        let block = Tensor(normal: 1, [1 << 16], from: &source).scalars
        func random(_ shape: [Int], scale: Float) -> Tensor {
            Tensor((0..<shape.reduce(1, *)).map { scale * block[($0 &* 40_503) & 0xffff] }, shape)
        }
        let names = ["model.embed_tokens.weight", "lm_head.weight"]
        for name in names {
            try SafetensorsWriter.write(
                folder + "/\(name).safetensors", tensors: [(name, random([vocabulary, hidden], scale: 0.02))],
                as: .bfloat16)
        }
        func end(_ name: String) throws -> StoredMatrix {
            try LayerWeights(WeightFolder(path: folder + "/\(name).safetensors"))
                .matrix(name, rows: vocabulary, columns: hidden)
        }
        let target = EmbeddingAndHead(
            configuration, fingerprint: TrainingBenchmark.fingerprint, embedding: try end(names[0]),
            head: try end(names[1]))

        let description = ShardDescription(
            hiddenSize: hidden, storage: .bfloat16, maxLength: length,
            targetFingerprint: TrainingBenchmark.fingerprint, tokenizerFingerprint: TrainingBenchmark.fingerprint,
            teacherEntries: teacherEntries)
        let shards = try ShardFolder(path: folder + "/features", description: description, settings: [:])
        let writer = try ShardWriter(path: shards.shardPath(0), description: description, pool: pool)
        for index in 0..<2 * sequences {
            let tokens = (0..<length).map { _ in Int32(source.below(vocabulary)) }
            try writer.append(
                FeatureSequence(
                    id: "\(index)", tokens: tokens, lossMask: [UInt8](repeating: 1, count: tokens.count),
                    features: Tensor(normal: 1, [tokens.count, hidden], from: &source),
                    statistics: teacherEntries.map {
                        TrainingBenchmark.statistics($0, of: vocabulary, rows: tokens.count, from: &source)
                    }))
        }
        try shards.record(0, writer.finish())

        var recipe = Recipe()
        recipe.data.validationFraction = 0
        recipe.draft.fusion = fusion == .lstm ? .lstm : fusion == .gated ? .gated : .linear
        recipe.glance.enabled = glance
        recipe.loss.teacher = teacherEntries == nil ? .exact : .stored
        recipe.training.recompute = recompute
        recipe.training.batchSize = sequences
        recipe.training.slices = slices
        recipe.data.maxLength = length
        recipe.training.precision = precision == .bfloat16 ? .bfloat16 : .float32
        let task = try DraftTraining(
            recipe: recipe, target: target, tokenizer: TrainingBenchmark.fingerprint,
            source: try FeatureStore(folder: shards.path), pool: pool, log: { _ in })
        return try TrainingLoop(
            recipe: recipe, task: task, folder: folder + "/run", resume: false,
            environment: TrainingEnvironment(pool: pool, now: { ProcessInfo.processInfo.systemUptime }))
    }

    /// Equally likely tokens that lie next to each other somewhere in the vocabulary.
    private static func statistics(
        _ entryCount: Int, of vocabulary: Int, rows: Int, from source: inout RandomSource
    ) -> TeacherStatistics {
        TeacherStatistics(
            entryCount: entryCount,
            tokens: (0..<rows).flatMap { _ in
                let first = source.below(vocabulary)
                return (0..<entryCount).map { Int32((first + $0) % vocabulary) }
            }, logProbabilities: [Float](repeating: -log(Float(entryCount + 1)), count: rows * entryCount),
            logNormalizers: [Float](repeating: 0, count: rows))
    }

    private func report(_ seconds: Double, _ peak: Int, _ limits: MachineLimits) -> BenchmarkReport {
        let tokens = Double(sequences * length)
        let work = TrainingWork(
            configuration, fusion: fusion, length: length, glance: glance)
        let operations = 2 * work.multiplications * tokens
        // A recurrent weight is read once at each position of a sequence, forwards and backwards.
        let bytes = work.recurrentReads * Double(length) * (precision == .bfloat16 ? 2 : 4)
        let rate = precision == .bfloat16 ? MachineLimits.bfloat16Gflops(on: pool) : limits.gflops
        // One position follows the other: where a layer's weight is larger than any cache, its reading adds up.
        let isRead = work.recurrentWeights * (precision == .bfloat16 ? 2 : 4) > 32e6
        let bound = operations / rate / 1e9 + (isRead ? bytes / limits.gigabytesPerSecond / 1e9 : 0)
        return BenchmarkReport(
            job: "train-step", size: size.rawValue, dtype: precision.rawValue, threads: pool.threadCount,
            tokensPerSecond: tokens / seconds, milliseconds: seconds * 1000, peakMemoryBytes: peak,
            gflops: operations / seconds / 1e9, gigabytesPerSecond: bytes / seconds / 1e9,
            shareOfBound: bound / seconds, fusion: fusion.rawValue, glance: glance)
    }
}
