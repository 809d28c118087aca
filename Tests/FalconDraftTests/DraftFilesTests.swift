import FalconDraft
import FalconJSON
import FalconNN
import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

/// Configurations and state dicts: what is read, written and refused.
@Suite struct DraftFilesTests {
    func configuration(_ text: String) throws -> DraftConfiguration {
        let folder = try TemporaryFolder()
        try folder.write(text, to: "config.json")
        return try DraftConfiguration(folder: folder.path)
    }

    /// A small Llama configuration with more members.
    func members(_ more: String) -> String {
        """
        {"architectures": ["LlamaForCausalLM"], "vocab_size": 10, "hidden_size": 8, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 12, "rope_theta": 500000.0\(more)}
        """
    }

    @Test func `The authors' configuration means the gated fusion`() throws {
        let configuration = try DraftConfiguration(folder: Fixtures.path("drafter/k3_gqa"))
        #expect(configuration.blockSize == 3)
        #expect(configuration.fusion == .gated)
        #expect(configuration.model.keyValueHeadCount == 2)
        #expect(!configuration.model.plan.hasAttentionBias)
        #expect(try DraftConfiguration(folder: Fixtures.path("drafter/k2_qkvbias")).model.plan.hasAttentionBias)
    }

    @Test func `With linear scaling the authors' head has the base 10000, and ours its own`() throws {
        let scaling = #", "k_mask": 2, "rope_scaling": {"type": "linear", "factor": 2.0}"#
        #expect(try configuration(members(scaling)).model.rotary.base == 10000)
        #expect(try configuration(members(scaling + #", "fusion": "lstm""#)).model.rotary.base == 500_000)
        #expect(try configuration(members(#", "k_mask": 2"#)).model.rotary.base == 500_000)
    }

    @Test func `A configuration is read again as it was written`() throws {
        for name in DrafterFixture.names {
            let original = try DraftConfiguration(folder: Fixtures.path("drafter/" + name))
            let folder = try TemporaryFolder()
            try original.write(folder: folder.path)
            var again = try DraftConfiguration(folder: folder.path)
            again.model.raw = original.model.raw
            #expect(again == original)
        }
    }

    @Test func `A new head takes its target's sizes`() throws {
        let target = try ModelConfiguration(folder: Fixtures.path("targets/qwen2_untied"))
        let configuration = DraftConfiguration(target: target, blockSize: 3, layerCount: 2)
        #expect(configuration.model.hiddenSize == target.hiddenSize)
        #expect(configuration.model.headSize == target.headSize)
        #expect(configuration.model.plan.hasAttentionBias)
        #expect(configuration.model.rotary == target.rotary)
        let folder = try TemporaryFolder()
        try configuration.write(folder: folder.path)
        var again = try DraftConfiguration(folder: folder.path)
        again.model.raw = configuration.model.raw
        #expect(again == configuration)
    }

    @Test(arguments: [
        ("", "k_mask is missing"), (#", "k_mask": 0"#, "k_mask must be a whole number above 0, not 0"),
        (#", "k_mask": 2, "fusion": "gru""#, "fusion 'gru' is not known; one of lstm, gated, linear"),
    ])
    func `A wrong configuration is refused in a line that names the field`(more: String, problem: String) throws {
        let error = #expect(throws: FileError.self) { try configuration(members(more)) }
        #expect(error?.problem.hasPrefix(problem) == true, "\(String(describing: error))")
    }

    @Test func `Weights that do not fit are refused by name`() throws {
        let folder = try TemporaryFolder()
        let fixture = try DrafterFixture("k2_mha")
        var tensors = try Fixtures.tensors(fixture.folder + "/model.safetensors")
        tensors["lstm.bias_hh_l1"] = nil
        tensors["norm.weight"] = Tensor(zeros: [32])
        tensors["layers.0.mlp.up_proj.weight"] = Tensor(zeros: [2, 2])
        try SafetensorsWriter.write(
            folder.file("model.safetensors"), tensors: tensors.map { ($0.key, $0.value) }, as: .float32, metadata: [:])
        let configuration = try DraftConfiguration(folder: fixture.folder)
        let error = #expect(throws: FileError.self) {
            try DraftNetwork(configuration, weightsIn: folder.path)
        }
        #expect(
            error?.problem == "the weights do not fit the configuration; missing: lstm.bias_hh_l1; unexpected: "
                + "norm.weight; layers.0.mlp.up_proj.weight has the shape [2, 2], not [56, 32]")
    }

    @Test func `A configuration that claims more than memory holds is refused by what its weights are`() throws {
        let folder = try TemporaryFolder()
        let fixture = try DraftConfiguration(folder: Fixtures.path("drafter/k3_gqa"))
        let weights = try MappedFile(path: Fixtures.path("drafter/k3_gqa/model.safetensors"))
        try folder.write(weights.bytes(0..<weights.count), to: "model.safetensors")
        var claimed = fixture.model.raw
        claimed["hidden_size"] = .integer(1 << 20)
        claimed["intermediate_size"] = .integer(1 << 30)
        try folder.write(JSONValue.object(claimed).text(), to: "config.json")
        let error = #expect(throws: FileError.self) { try DraftNetwork(folder: folder.path) }
        #expect(error?.problem.contains("embed_tokens.weight has the shape [72, 32], not [72, 1048576]") == true)
    }

    @Test func `A head is read again as it was written, with or without its embedding`() throws {
        let network = try DrafterFixture("k4_gqa_2layers").network(.gated)
        let embedding = try #require(network.parameters["embed_tokens.weight"]).value
        for withEmbedding in [true, false] {
            let folder = try TemporaryFolder()
            try network.write(folder: folder.path, withEmbedding: withEmbedding)
            let again = try DraftNetwork(folder: folder.path, embedding: withEmbedding ? nil : StoredMatrix(embedding))
            #expect(again.configuration.fusion == .gated)
            // A borrowed embedding is no parameter of the head, but is written with it all the same.
            let expected = withEmbedding ? network.parameters.all : network.parameters.trainable
            #expect(again.parameters.all.map(\.name) == expected.map(\.name))
            for (left, right) in zip(again.parameters.all, expected) {
                #expect(left.value == right.value, "\(left.name)")
            }
            try again.write(folder: folder.path)
            #expect(try DraftNetwork(folder: folder.path).parameters["embed_tokens.weight"]?.value == embedding)
        }
    }

    @Test func `The authors' names and order of gates come out`() throws {
        let fixture = try DrafterFixture("k2_qkvbias")
        let stored = try Fixtures.tensors(fixture.folder + "/model.safetensors").keys.sorted()
        #expect(try fixture.network(.gated).parameters.all.map(\.name).sorted() == stored)
    }
}
