import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

@Suite struct WeightFolderTests {
    @Test func `a folder with one file gives widened tensors and their place`() throws {
        let weights = try WeightFolder(path: Fixtures.path("targets/llama_bf16"))
        let name = "model.layers.0.self_attn.q_proj.weight"
        let tensor = try weights.tensor(name, shape: [48, 48])
        let stored = try #require(weights.stored(name))
        #expect((stored.type, stored.isContiguous, stored.range.count) == (.bfloat16, true, 48 * 48 * 2))
        #expect(Tensor(file: stored.file, range: stored.range, as: .bfloat16, [48, 48]) == tensor)
        #expect(weights.names.contains("lm_head.weight"))
        #expect(weights.shape(of: name) == [48, 48])
    }

    @Test func `a missing tensor and a wrong shape name both sides`() throws {
        let weights = try WeightFolder(path: Fixtures.path("targets/llama_bf16"))
        let missing = try #require(throws: FileError.self) { try weights.tensor("model.none", shape: [1]) }
        #expect(missing.problem.contains("'model.none'"))
        let wrong = try #require(throws: FileError.self) { try weights.tensor("model.norm.weight", shape: [47]) }
        #expect(wrong.problem.contains("[48]") && wrong.problem.contains("[47]"))
    }

    @Test(arguments: try Fixtures.contents(of: "safetensors/bad").filter { $0.hasPrefix("index_") })
    func `an index that lies or leaves its folder is refused`(name: String) throws {
        let error = try #require(throws: FileError.self) {
            try WeightFolder(path: Fixtures.path("safetensors/bad/" + name))
        }
        #expect(!error.description.contains("\n"))
    }

    @Test func `shards are found through the index`() throws {
        let folder = try TemporaryFolder()
        try SafetensorsWriter.write(folder.file("one.safetensors"), tensors: [("a", Tensor([1], [1]))])
        try SafetensorsWriter.write(
            folder.file("two.safetensors"), tensors: [("b", Tensor([2, 3], [2])), ("unlisted", Tensor([0], [1]))])
        try folder.write(
            #"{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#, to: "model.safetensors.index.json")
        let weights = try WeightFolder(path: folder.path)
        #expect(weights.names == ["a", "b"])
        #expect(try weights.tensor("b", shape: [2]) == Tensor([2, 3], [2]))
    }

    @Test func `a sharded model of transformers is read whole`() throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        let weights = try WeightFolder(path: shared + "/fixtures/targets/llama_sharded")
        #expect(weights.names.count == 30)
        #expect(weights.names.compactMap { weights.stored($0)?.count }.reduce(0, +) == 115_136)
    }

    @Test func `a folder without weights says what was looked for`() throws {
        let folder = try TemporaryFolder()
        let error = try #require(throws: FileError.self) { try WeightFolder(path: folder.path) }
        #expect(error.problem.contains("model.safetensors"))
    }
}
