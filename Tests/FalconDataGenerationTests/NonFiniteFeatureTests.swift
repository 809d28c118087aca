import FalconDataGeneration
import FalconShards
import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

/// Features that a storage cannot hold: named with dialogue and token, left out, and of no effect on any other.
@Suite struct NonFiniteFeatureTests {
    private let folder: TemporaryFolder
    private let pool = ThreadPool(threadCount: 1)
    private let target: String
    private let options: GenerationOptions

    init() throws {
        folder = try TemporaryFolder()
        target = try TinyTarget.write(into: folder)
        var options = GenerationOptions(
            target: target, dataset: try folder.write(TinyTarget.chats(11), to: "chats.json"),
            output: folder.file("plain"))
        options.conversationsPerShard = 4
        options.storage = .float32
        self.options = options
    }

    private func generate(
        _ name: String, _ storage: FeatureStorage, target: String
    ) throws -> (GenerationReport, FeatureStore) {
        var options = options
        options.output = folder.file(name)
        options.storage = storage
        options.target = target
        let report = try FeatureGenerator(options, pool: pool).run { _ in }
        return (report, try FeatureStore(folder: options.output))
    }

    /// The same target with another final norm, which scales its features and nothing else.
    private func scaled(_ name: String, by factor: Float) throws -> String {
        let path = try TinyTarget.write(into: folder, named: name)
        let file = try SafetensorsFile(path: target + "/model.safetensors")
        let tensors = try file.names.map { tensor in
            let values = try file.tensor(tensor)
            return (
                name: tensor,
                tensor: tensor == "model.norm.weight"
                    ? Tensor(values.scalars.map { $0 * factor }, values.shape) : values
            )
        }
        try SafetensorsWriter.write(path + "/model.safetensors", tensors: tensors)
        return path
    }

    @Test func `features beyond float16 are named with dialogue and token and spread to no other`() throws {
        let (_, plain) = try generate("plain", .float32, target: target)
        // Halfway between the dialogues' largest features lies the end of the range.
        let sequences = try (0..<plain.count).map { try plain.sequence(at: $0) }
        let peaks = sequences.map { $0.features.scalars.map(abs).max() ?? 0 }
        let sorted = Array(Set(peaks)).sorted()
        let middle = (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
        let factor = 65504 / middle
        let (report, store) = try generate("narrow", .float16, target: scaled("scaled", by: factor))
        // The plan knows beforehand.
        var options = options
        (options.storage, options.target) = (.float16, folder.file("scaled"))
        let plan = try GenerationPlan(options, pool: pool)
        #expect(plan.written == report.written && plan.skipped == report.skipped && plan.failed == report.failed)
        #expect(plan.tokens == report.tokens && plan.input == report.input)
        let tooLarge = sequences.filter { ($0.features.scalars.map(abs).max() ?? 0) > middle }
        #expect(!tooLarge.isEmpty && tooLarge.count < sequences.count)
        #expect(report.failed.values.reduce(0, +) == tooLarge.count && report.failed.count == 1)
        #expect(report.failed.keys.first?.contains("too large for float16") == true)
        #expect(report.written == sequences.count - tooLarge.count)
        for (failure, sequence) in zip(report.failures, tooLarge) {
            let token = (0..<sequence.length).first { row in sequence.features.row(row).contains { abs($0) > middle } }
            #expect(failure.hasPrefix("'\(sequence.id)', token \(token ?? -1): a feature is too large"), "\(failure)")
        }
        #expect(report.failures.count == min(5, tooLarge.count))
        #expect(report.lines.contains("failed " + report.failures[0]))
        #expect(Set(store.sequences.map(\.id)).isDisjoint(with: tooLarge.map(\.id)))
        for index in 0..<store.count { #expect(try store.sequence(at: index).features.isFinite) }
    }

    @Test func `a target that computes no numbers at all ends the run in one line`() throws {
        let error = #expect(throws: FileError.self) {
            try generate("broken", .float32, target: scaled("broken-target", by: .nan))
        }
        #expect(error?.description.contains("infinite or not a number") == true)
    }
}
