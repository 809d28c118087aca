import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

@Suite struct GGUFModelTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(_ file: GGUFBuilder) throws -> GGUFModel {
        try GGUFModel(path: folder.write(file.bytes, to: "model.gguf"))
    }

    private func refusal(_ change: (inout GGUFBuilder) -> Void) throws -> String {
        var file = GGUFBuilder.model()
        change(&file)
        let path = try folder.write(file.bytes, to: "model.gguf")
        let error = try #require(throws: FileError.self) { try GGUFModel(path: path) }
        #expect(!error.description.contains("\n") && error.path == path)
        return error.problem
    }

    @Test func `the configuration comes from the metadata`() throws {
        var file = GGUFBuilder.model()
        file.set("llama.rope.freq_base", .float32(500_000))
        file.set("llama.rope.scaling.type", .string("linear"))
        file.set("llama.rope.scaling.factor", .float32(4))
        file.set("tokenizer.ggml.eos_token_id", .uint32(3))
        file.set("tokenizer.ggml.eot_token_id", .uint32(5))
        file.set("tokenizer.ggml.bos_token_id", .uint32(1))
        let model = try open(file).configuration
        #expect(model.family == .llama)
        #expect([model.layerCount, model.hiddenSize, model.headCount, model.keyValueHeadCount] == [2, 24, 3, 1])
        #expect([model.headSize, model.intermediateSize, model.vocabularySize, model.maxPositions] == [8, 32, 40, 64])
        #expect(model.rotary == RotaryConfiguration(base: 500_000, scaling: .linear(factor: 4)))
        #expect(model.eosTokens == [3, 5] && model.bosToken == 1 && model.padToken == nil)
        #expect(!model.tiesEmbeddings && !model.plan.hasAttentionBias && model.normEpsilon == 1e-5)
        // What it writes for others is the same model.
        let again = try ModelConfiguration(model.document, path: "config.json")
        #expect(again.rotary == model.rotary && again.eosTokens == model.eosTokens)
    }

    @Test func `what is left out has its usual value`() throws {
        var file = GGUFBuilder.model()
        for key in ["attention.head_count_kv", "attention.key_length"] { file.remove("llama." + key) }
        // As many heads for keys and values as for queries.
        for index in file.tensors.indices where ["attn_k", "attn_v"].contains(where: file.tensors[index].name.contains)
        {
            file.tensors[index].shape = [24, 24]
            file.tensors[index].bytes = [UInt8](repeating: 0, count: 24 * 24 * 4)
        }
        let model = try open(file).configuration
        #expect(model.keyValueHeadCount == 3 && model.headSize == 8 && model.rotary == RotaryConfiguration())
    }

    @Test func `architectures differ in biases, norms and the order of rows`() throws {
        for (name, biases, norms) in [("llama", true, false), ("qwen2", true, false), ("qwen3", false, true)] {
            var shape = GGUFBuilder.Shape()
            (shape.architecture, shape.hasBiases, shape.hasHeadNorms, shape.isTied) = (name, biases, norms, true)
            let file = GGUFBuilder.model(shape)
            let model = try open(file)
            #expect(model.configuration.family.rawValue == name)
            #expect(
                model.configuration.plan.hasAttentionBias == biases
                    && (model.configuration.plan.queryKeyNorm == .head) == norms)
            #expect(model.configuration.tiesEmbeddings)
            for (place, tensor) in [("q_proj.weight", "attn_q.weight"), ("k_proj.weight", "attn_k.weight")] {
                let stored = try #require(file.tensors.first { $0.name == "blk.1." + tensor })
                let raw = Tensor(bytes: stored.bytes, as: .float32, stored.shape)
                let found = try model.weights.tensor("model.layers.1.self_attn." + place)
                // Rows i and i + 4 of a head lie side by side in Llama's files alone.
                let order = (0..<raw.rowCount).map { row in
                    name == "llama" ? row / 8 * 8 + (row % 8 < 4 ? 2 * (row % 8) : 2 * (row % 8) - 7) : row
                }
                #expect(found == Tensor.stacked(order.map { raw.rows($0..<$0 + 1) }).reshaped(raw.shape))
                let matrix = try #require(model.weights.stored("model.layers.1.self_attn." + place)?.matrix)
                #expect(matrix.rows(3..<7).tensor() == found.rows(3..<7))
                #expect(matrix.gather([5, 0]) == Tensor.stacked([found.rows(5..<6), found.rows(0..<1)]))
            }
            if biases {
                let bias = try model.weights.tensor("model.layers.0.self_attn.q_proj.bias", shape: [24])
                let stored = try #require(file.tensors.first { $0.name == "blk.0.attn_q.bias" })
                let raw = Tensor(bytes: stored.bytes, as: .float32, [24]).scalars
                #expect(bias.scalars[1] == (name == "llama" ? raw[2] : raw[1]))
            }
        }
    }

    @Test func `Llama 3's scaling divides frequencies, and survives a config file`() throws {
        var file = GGUFBuilder.model()
        file.add("rope_freqs.weight", Tensor([1, 1, 2.5, 8], [4]))
        let model = try open(file).configuration
        #expect(model.rotary.scaling == .divided(by: [1, 1, 2.5, 8]))
        let plain = RotaryConfiguration().inverseFrequencies(headSize: 8)
        #expect(model.rotary.inverseFrequencies(headSize: 8) == [plain[0], plain[1], plain[2] / 2.5, plain[3] / 8])
        #expect(try ModelConfiguration(model.document, path: "config.json").rotary == model.rotary)
        var short = model.document
        short["head_dim"] = .integer(16)
        #expect(throws: FileError.self) { try ModelConfiguration(short, path: "config.json") }
    }

    @Test func `ends are found among the control tokens`() throws {
        var file = GGUFBuilder.model()
        var tokens = (0..<40).map { "t\($0)" }
        tokens[7] = "<|im_end|>"
        tokens[8] = "<|eot_id|>"
        tokens[11] = "<|endoftext|>"
        var types = [Int32](repeating: 1, count: 40)
        (types[7], types[11]) = (3, 3)
        file.set("tokenizer.ggml.tokens", .strings(tokens))
        file.set("tokenizer.ggml.token_type", .int32s(types))
        file.set("tokenizer.ggml.eos_token_id", .uint32(2))
        #expect(try open(file).configuration.eosTokens == [2, 7, 11])
        file.set("tokenizer.ggml.eot_token_id", .uint32(9))
        #expect(try open(file).configuration.eosTokens == [2, 9, 7, 11])
    }

    @Test func `what does not fit is refused with its key or tensor`() throws {
        let cases: [(word: String, change: (inout GGUFBuilder) -> Void)] = [
            ("'general.architecture' is missing", { $0.remove("general.architecture") }),
            ("'gemma2'", { $0.set("general.architecture", .string("gemma2")) }),
            ("'phi2'", { $0.set("general.architecture", .string("phi2")) }),
            ("'llama.context_length' is missing", { $0.remove("llama.context_length") }),
            ("'llama.block_count'", { $0.set("llama.block_count", .int32(-1)) }),
            ("'llama.block_count' 5000", { $0.set("llama.block_count", .uint32(5000)) }),
            ("differs by layer", { $0.set("llama.feed_forward_length", .int32s([32, 16])) }),
            ("'llama.attention.key_length'", { $0.set("llama.attention.key_length", .uint32(7)) }),
            ("'llama.attention.value_length'", { $0.set("llama.attention.value_length", .uint32(16)) }),
            ("'llama.rope.dimension_count'", { $0.set("llama.rope.dimension_count", .uint32(4)) }),
            ("'llama.attention.sliding_window'", { $0.set("llama.attention.sliding_window", .int32(-1)) }),
            ("'llama.rope.scaling.attn_factor'", { $0.set("llama.rope.scaling.attn_factor", .float32(1.2)) }),
            ("'yarn'", { $0.set("llama.rope.scaling.type", .string("yarn")) }),
            ("'llama.rope.scale_linear' is missing", { $0.set("llama.rope.scaling.type", .string("linear")) }),
            ("'llama.rope.freq_base'", { $0.set("llama.rope.freq_base", .float32(.infinity)) }),
            ("'llama.expert_count'", { $0.set("llama.expert_count", .uint32(4)) }),
            ("'llama.logit_scale'", { $0.set("llama.logit_scale", .float32(0.5)) }),
            ("'llama.final_logit_softcapping'", { $0.set("llama.final_logit_softcapping", .float32(30)) }),
            ("'llama.attention.causal'", { $0.set("llama.attention.causal", .boolean(false)) }),
            ("'tokenizer.ggml.tokens' has 3", { $0.set("tokenizer.ggml.tokens", .strings(["a", "b", "c"])) }),
            ("'tokenizer.ggml.eos_token_id'", { $0.set("tokenizer.ggml.eos_token_id", .int32(-2)) }),
            ("special token 40", { $0.set("tokenizer.ggml.padding_token_id", .uint32(40)) }),
            ("'blk.1.ffn_up.weight'", { $0.tensors.removeAll { $0.name == "blk.1.ffn_up.weight" } }),
            ("'blk.2.attn_norm.weight'", { $0.set("llama.block_count", .uint32(3)) }),
            ("'blk.1.attn_norm.weight' has no place", { $0.set("llama.block_count", .uint32(1)) }),
            ("'rope_factors_long.weight'", { $0.add("rope_factors_long.weight", Tensor([1, 1, 1, 1], [4])) }),
            ("'rope_freqs.weight'", { $0.add("rope_freqs.weight", Tensor([1, 1, 1, -1], [4])) }),
            ("'rope_freqs.weight'", { $0.add("rope_freqs.weight", Tensor([1, 1], [2])) }),
            ("'token_embd.weight'", { $0.tensors.removeAll { $0.name == "token_embd.weight" } }),
            ("'blk.0.attn_q.bias'", { $0.add("blk.0.attn_v.bias", Tensor([Float](repeating: 0, count: 8), [8])) }),
            ("int32", { $0.tensors[1].type = 26 }),
        ]
        for (word, change) in cases {
            let problem = try refusal(change)
            #expect(problem.contains(word), "\(word): \(problem)")
        }
    }
}
