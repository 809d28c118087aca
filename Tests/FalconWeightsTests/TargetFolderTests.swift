import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

/// A target whose weights are not those of its configuration is refused, in one line that names what is wrong.
@Suite struct TargetFolderTests {
    /// A copy of a fixture's model with some tensors and settings changed.
    final class Copy {
        let folder: TemporaryFolder
        var configuration: JSONObject
        var tensors: [(name: String, tensor: Tensor)]
        var integers: [(name: String, values: [Int64], shape: [Int])] = []

        init(of name: String) throws {
            folder = try TemporaryFolder()
            let source = Fixtures.path("targets/" + name)
            configuration = try #require(JSONValue(path: source + "/config.json").object)
            let weights = try WeightFolder(path: source)
            tensors = try weights.names.map { ($0, try weights.tensor($0)) }
        }

        func add(_ name: String, _ tensor: Tensor) { tensors.append((name, tensor)) }

        func change(_ name: String, _ change: (inout Tensor) -> Void) throws {
            change(&tensors[try #require(tensors.firstIndex { $0.name == name })].tensor)
        }

        func tensor(_ name: String) throws -> Tensor { try #require(tensors.first { $0.name == name }).tensor }

        func write(as type: ElementType = .float32) throws -> String {
            try folder.write(JSONValue.object(configuration).text(), to: "config.json")
            try SafetensorsWriter.write(
                folder.file("model.safetensors"), tensors: tensors, as: type, integers: integers)
            return folder.path
        }

        /// The line in which the folder is refused, values and all; `nil` where it is not.
        func refusal(as type: ElementType = .float32) throws -> String? {
            let path = try write(as: type)
            do {
                try TargetFolder(path: path).checkValues(on: ThreadPool(threadCount: 2))
                return nil
            } catch let error as FileError {
                #expect(!error.description.contains("\n"))
                #expect(error.path.hasPrefix(path))
                return error.problem
            }
        }
    }

    @Test(arguments: ["llama_gqa", "llama_bf16", "qwen3"])
    func `a sound target is taken`(name: String) throws { #expect(try Copy(of: name).refusal() == nil) }

    @Test func `tensors that follow from the configuration do no harm`() throws {
        let copy = try Copy(of: "llama_gqa")
        for name in [
            "model.layers.0.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq",
            "model.layers.7.self_attn.rotary_emb.inv_freq", "model.layers.1.self_attn.masked_bias",
        ] {
            copy.add(name, Tensor([1], [1]))
        }
        copy.integers = [("model.embeddings.position_ids", [0, 1, 2], [1, 3])]
        #expect(try copy.refusal() == nil)
    }

    @Test func `a head beside a tied embedding is the embedding or an error`() throws {
        let copy = try Copy(of: "llama_gqa")
        copy.configuration["tie_word_embeddings"] = .boolean(true)
        #expect(try copy.refusal()?.hasPrefix("lm_head.weight is stored and differs from the embedding") == true)
        let embedding = try copy.tensor("model.embed_tokens.weight")
        try copy.change("lm_head.weight") { $0 = embedding }
        #expect(try copy.refusal() == nil)
        // Minus zero is zero.
        try copy.change("lm_head.weight") { $0[0, 0] = 0 }
        try copy.change("model.embed_tokens.weight") { $0[0, 0] = -0.0 }
        #expect(try copy.refusal() == nil)
        try copy.change("lm_head.weight") { $0[$0.shape[0] - 1, $0.shape[1] - 1] += 1 }
        #expect(try copy.refusal()?.contains("tie_word_embeddings") == true)
    }

    @Test(arguments: [
        ("model.layers.0.self_attn.q_proj.bias", "attention_bias"), ("lm_head.bias", "no bias there"),
        ("model.layers.0.self_attn.q_norm.weight", "qwen3"), ("score.weight", "scores or classifies"),
        ("model.layers.9.mlp.up_proj.weight", "num_hidden_layers"),
        ("model.layers.0.self_attn.q_proj.lora_A.weight", "LoRA"),
        ("base_model.model.model.layers.0.mlp.up_proj.lora_B.default.weight", "LoRA"),
        ("vision_tower.encoder.layers.0.weight", "more than text"),
        ("visual.patch_embed.proj.weight", "more than text"),
        ("model.layers.0.mlp.up_proj.weight_scale", "quantised"), ("model.layers.0.mlp.up_proj.scales", "quantised"),
        ("model.layers.0.mlp.experts.0.up_proj.weight", "mixture of experts"), ("stray", "no place in this model"),
    ])
    func `a tensor without a place is refused, and what it tells is said`(name: String, word: String) throws {
        let copy = try Copy(of: "llama_gqa")
        copy.add(name, Tensor([1, 2], [2]))
        let refusal = try #require(try copy.refusal())
        #expect(refusal.contains("'\(name)'") && refusal.contains(word), "\(refusal)")
    }

    @Test func `biases in a family without them are refused`() throws {
        let copy = try Copy(of: "qwen3")
        copy.add("model.layers.1.self_attn.k_proj.bias", Tensor([1, 2], [2]))
        #expect(try copy.refusal()?.contains("k_proj.bias") == true)
    }

    @Test func `another number of layers than is stored is refused both ways`() throws {
        let copy = try Copy(of: "llama_gqa")
        let layers = try #require(copy.configuration["num_hidden_layers"]?.integer)
        copy.configuration["num_hidden_layers"] = .integer(layers - 1)
        #expect(try copy.refusal()?.contains("num_hidden_layers is \(layers - 1)") == true)
        copy.configuration["num_hidden_layers"] = .integer(layers + 2)
        let refusal = try #require(try copy.refusal())
        #expect(refusal.contains("layer \(layers) ") && refusal.contains("is missing"), "\(refusal)")
    }

    @Test(arguments: [
        "model.norm.weight", "lm_head.weight", "model.embed_tokens.weight", "model.layers.1.input_layernorm.weight",
        "model.layers.0.self_attn.o_proj.weight",
    ])
    func `a tensor that is missing, of another shape or of whole numbers is refused`(name: String) throws {
        for fault in 0..<3 {
            let copy = try Copy(of: "llama_gqa")
            let shape = try copy.tensor(name).shape
            if fault == 1 {
                try copy.change(name) { $0 = Tensor(zeros: [3]) }
            } else {
                copy.tensors.removeAll { $0.name == name }
            }
            if fault == 2 {
                copy.integers = [(name, [Int64](repeating: 1, count: shape.reduce(1, *)), shape)]
            }
            let refusal = try #require(try copy.refusal())
            #expect(refusal.contains("'\(name)'"), "\(refusal)")
            #expect(refusal.contains(["is missing", "has shape [3]", "int64"][fault]), "\(refusal)")
        }
    }

    @Test(arguments: [
        "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight", "model.layers.1.mlp.up_proj.weight",
        "model.layers.0.self_attn.k_proj.weight", "model.layers.1.post_attention_layernorm.weight",
    ])
    func `a value that is no number is found wherever it stands`(name: String) throws {
        for (type, value) in [
            (ElementType.float32, Float.nan), (.float32, .infinity), (.bfloat16, .nan), (.bfloat16, -.infinity),
            (.float16, .nan),
        ] {
            let copy = try Copy(of: "llama_gqa")
            try copy.change(name) { tensor in
                if tensor.shape.count == 1 {
                    tensor[tensor.count / 2] = value
                } else {
                    tensor[tensor.shape[0] / 2, tensor.shape[1] - 1] = value
                }
            }
            let refusal = try #require(try copy.refusal(as: type), "\(name) \(type) \(value)")
            #expect(refusal.contains("'\(name)' holds values that are infinite or not a number"))
        }
    }

    @Test func `a bias that is no number is found`() throws {
        let copy = try Copy(of: "llama_gqa")
        copy.configuration["mlp_bias"] = .boolean(true)
        let (layers, wide, hidden) = (
            try #require(copy.configuration["num_hidden_layers"]?.integer),
            try #require(copy.configuration["intermediate_size"]?.integer),
            try #require(copy.configuration["hidden_size"]?.integer)
        )
        for layer in 0..<layers {
            copy.add("model.layers.\(layer).mlp.gate_proj.bias", Tensor(zeros: [wide]))
            copy.add("model.layers.\(layer).mlp.up_proj.bias", Tensor(zeros: [wide]))
            copy.add("model.layers.\(layer).mlp.down_proj.bias", Tensor(zeros: [hidden]))
        }
        #expect(try copy.refusal() == nil)
        try copy.change("model.layers.1.mlp.down_proj.bias") { $0[0] = .nan }
        #expect(try copy.refusal()?.contains("down_proj.bias") == true)
    }

    @Test func `a draft head and a bare decoder are called so`() throws {
        let bare = try Copy(of: "llama_gqa")
        bare.tensors = bare.tensors.filter { $0.name != "lm_head.weight" }.map {
            (name: String($0.name.dropFirst("model.".count)), tensor: $0.tensor)
        }
        #expect(try bare.refusal()?.contains("lack 'model.' before their names") == true)
        bare.add("fc.weight", Tensor(zeros: [4, 8]))
        #expect(try bare.refusal()?.contains("draft head, not a whole model") == true)
    }

    @Test(arguments: [
        (#"{"quant_method": "gptq", "bits": 4}"#, "'gptq'"), (#"{"quant_method": "fp8"}"#, "'fp8'"),
        ("{}", "quantised"),
    ])
    func `quantised weights are refused by their configuration`(value: String, word: String) throws {
        let copy = try Copy(of: "llama_gqa")
        copy.configuration["quantization_config"] = try JSONParser.parse(Array(value.utf8))
        #expect(try copy.refusal()?.contains(word) == true)
    }

    @Test(arguments: ["MixtralForCausalLM", "Qwen3MoeForCausalLM", "DeepseekV3ForCausalLM"])
    func `a mixture of experts is called one`(name: String) throws {
        let copy = try Copy(of: "llama_gqa")
        copy.configuration["architectures"] = .array([.string(name)])
        copy.configuration["model_type"] = nil
        #expect(try copy.refusal()?.contains("'\(name)' is a mixture of experts") == true)
    }

    @Test func `an end token outside the vocabulary is refused`() throws {
        let copy = try Copy(of: "llama_gqa")
        copy.configuration["eos_token_id"] = .integer(1_000_000)
        #expect(try copy.refusal()?.contains("eos_token_id 1000000") == true)
    }

    @Test func `every place of a large tensor is looked at`() throws {
        let folder = try TemporaryFolder()
        let count = 300_001
        for type in ElementType.allCases {
            for place in [0, 1, 65_535, 131_072, 299_999, 300_000] {
                var tensor = Tensor(repeating: -3.5, [count])
                tensor[place] = .infinity
                // A name of odd length, so that the values do not lie at even places of the file.
                let path = folder.file("odd.safetensors")
                try SafetensorsWriter.write(path, tensors: [("abc", tensor)], as: type)
                let stored = try #require(SafetensorsFile(path: path).stored("abc"))
                #expect(try !stored.isFinite(), "\(type) \(place)")
                #expect(try !stored.isFinite(on: ThreadPool(threadCount: 2), releasesPages: true), "\(type) \(place)")
            }
        }
    }
}
