import FalconInspection
import FalconShards
import FalconTensor
import FalconTestSupport
import Testing

@Suite struct ShardInspectionTests {
    /// Makes a folder with one shard of two sequences; the second has no token that counts where `isSilent`. It lasts
    /// as long as `body` runs.
    private func withShards(isSilent: Bool, _ body: (TemporaryFolder, ShardFolder) throws -> Void) throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let shards = try ShardFolder(
            path: folder.file("features"),
            description: ShardDescription(
                hiddenSize: 8, storage: .float32, maxLength: 10, targetFingerprint: "target",
                tokenizerFingerprint: "tokenizer"),
            settings: [:])
        let writer = try ShardWriter(
            path: shards.shardPath(0), description: shards.description, pool: ThreadPool(threadCount: 1))
        for (index, length) in [4, 6].enumerated() {
            let counted: UInt8 = isSilent && index == 1 ? 0 : 1
            try writer.append(
                FeatureSequence(
                    id: "chat \(index)", tokens: (0..<length).map { Int32($0) },
                    lossMask: [0] + [UInt8](repeating: counted, count: length - 1),
                    features: Tensor((0..<length * 8).map { Float($0) }, [length, 8])))
        }
        try shards.record(0, try writer.finish())
        try body(folder, shards)
    }

    @Test func `a folder and its one shard are counted alike`() throws {
        try withShards(isSilent: false) { _, shards in
            for path in [shards.path, shards.shardPath(0)] {
                let inspection = try ShardInspection(path: path, isThorough: true)
                #expect(inspection.findings.isEmpty, "\(inspection.findings)")
                #expect((inspection.sequences, inspection.tokens, inspection.lossTokens) == (2, 10, 8))
                #expect((inspection.shortest, inspection.longest) == (4, 6))
            }
        }
    }

    @Test func `a sequence without a token that counts is found`() throws {
        try withShards(isSilent: true) { _, shards in
            let findings = try ShardInspection(path: shards.path, isThorough: true).findings
            #expect(findings.problemCount == 1)
            #expect(findings.contains { $0.text.contains("chat 1") })
        }
    }

    @Test func `a dumped sequence holds what the shard holds`() throws {
        try withShards(isSilent: false) { folder, shards in
            try ShardInspection.dump(path: shards.path, sequence: 1, to: folder.file("one.safetensors"))
            let tensors = try Fixtures.tensors(folder.file("one.safetensors"))
            let integers = try Fixtures.integers(folder.file("one.safetensors"))
            #expect(tensors["hidden"] == Tensor((0..<48).map { Float($0) }, [6, 8]))
            #expect(integers["input_ids"] == [0, 1, 2, 3, 4, 5])
            #expect(integers["loss_mask"] == [0, 1, 1, 1, 1, 1])
            #expect(throws: FileError.self) {
                try ShardInspection.dump(path: shards.path, sequence: 2, to: folder.file("two.safetensors"))
            }
        }
    }
}
