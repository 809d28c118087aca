import FalconDraft
import FalconJSON
import FalconModels
import FalconNN
import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

/// A head of another target is refused unless somebody means it.
@Suite struct DraftTargetTests {
    let pool = ThreadPool(threadCount: 1)
    let source = Fixtures.path("targets/llama_gqa")

    /// A copy of the target with one tensor changed in one value.
    private func changed(_ name: String) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try ModelConfiguration(folder: source).write(folder: folder.path)
        let weights = try WeightFolder(path: source)
        let tensors = try weights.names.map { stored in
            var tensor = try weights.tensor(stored)
            if stored == name { tensor[tensor.shape[0] - 1, 0] += 1 }
            return (name: stored, tensor: tensor)
        }
        try SafetensorsWriter.write(folder.file("model.safetensors"), tensors: tensors)
        return folder
    }

    /// A random head for the fixture's target.
    private func head(
        as type: ElementType = .float32, withEmbedding: Bool = true, notesTarget: Bool
    ) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let ends = try EmbeddingAndHead(folder: source, pool: pool)
        let network = try DraftNetwork(
            DraftConfiguration(target: ends.configuration, blockSize: 2), .random(RandomSource(seed: 1)),
            embedding: ends.embedding)
        try network.write(
            folder: folder.path, as: type, withEmbedding: withEmbedding, target: notesTarget ? ends.fingerprint : nil)
        return folder
    }

    private func refusal(_ head: TemporaryFolder, _ target: String, isAllowed: Bool = false) -> String? {
        do {
            let ends = try EmbeddingAndHead(folder: target, pool: pool)
            _ = try DraftHead(folder: head.path, ends: ends, allowsOtherTarget: isAllowed, pool: pool)
            return nil
        } catch {
            #expect(!"\(error)".contains("\n"))
            return "\(error)"
        }
    }

    @Test(arguments: ["model.embed_tokens.weight", "model.layers.1.mlp.up_proj.weight", "lm_head.weight"])
    func `a head that notes its target is used with no other, unless it is meant`(name: String) throws {
        let head = try head(notesTarget: true)
        #expect(refusal(head, source) == nil)
        let other = try changed(name)
        let line = try #require(refusal(head, other.path))
        #expect(line.contains("trained for the target") && line.contains("--allow-other-target"), "\(line)")
        #expect(refusal(head, other.path, isAllowed: true) == nil)
    }

    @Test func `a copy of another embedding speaks louder than the fingerprint`() throws {
        let head = try head(notesTarget: true)
        let weights = try WeightFolder(path: head.path)
        let tensors = try weights.names.map { name in
            var tensor = try weights.tensor(name)
            if name == "embed_tokens.weight" { tensor[3, 1] += 1 }
            return (name: name, tensor: tensor)
        }
        try SafetensorsWriter.write(
            head.file("model.safetensors"), tensors: tensors, metadata: weights.metadata)
        #expect(refusal(head, source)?.contains("rows of the embedding differ") == true)
    }

    @Test func `the weights note the target where the configuration has lost it`() throws {
        let head = try head(notesTarget: true)
        var object = try #require(JSONValue(path: head.file("config.json")).object)
        object["target_fingerprint"] = nil
        try head.write(JSONValue.object(object).text(), to: "config.json")
        #expect(refusal(head, source) == nil)
        let other = try changed("lm_head.weight")
        #expect(refusal(head, other.path)?.contains("trained for the target") == true)
    }

    @Test func `a head that notes no target is told by its copy of the embedding`() throws {
        let other = try changed("model.embed_tokens.weight")
        for type in ElementType.allCases {
            let head = try head(as: type, notesTarget: false)
            #expect(refusal(head, source) == nil)
            let line = try #require(refusal(head, other.path), "\(type)")
            #expect(line.contains("1 of") && line.contains("rows of the embedding differ"), "\(line)")
            #expect(refusal(head, other.path, isAllowed: true) == nil)
        }
        // Without a copy nothing tells.
        #expect(try refusal(head(withEmbedding: false, notesTarget: false), other.path) == nil)
    }

    @Test func `other sizes are refused even where another target is meant`() throws {
        let head = try head(notesTarget: true)
        for isAllowed in [false, true] {
            let line = refusal(head, Fixtures.path("targets/qwen3"), isAllowed: isAllowed)
            #expect(line?.contains("the target's is") == true, "\(line ?? "taken")")
        }
    }
}
