import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

@Suite struct ModelConfigurationTests {
    static let folders = [
        "llama_bf16", "llama_gqa", "llama_mha", "llama_rope_linear", "llama_rope_llama3",
        "llama_sharded", "llama_tied", "mistral", "qwen2_tied", "qwen2_untied", "qwen3",
    ]

    private func read(_ path: String) throws -> ModelConfiguration {
        let path = Fixtures.path(path)
        return try ModelConfiguration(try #require(JSONValue(path: path).object), path: path)
    }

    private func changed(_ folder: String, _ change: (inout JSONObject) -> Void) throws -> ModelConfiguration {
        var object = try #require(JSONValue(path: Fixtures.path("targets/\(folder)/config.json")).object)
        change(&object)
        return try ModelConfiguration(object, path: "config.json")
    }

    @Test(arguments: folders)
    func `both spellings mean the same model`(folder: String) throws {
        var first = try read("targets/\(folder)/config.json")
        let second = try read("targets/\(folder)/config_alt.json")
        #expect(first.raw != second.raw)
        first.raw = second.raw
        #expect(first == second)
    }

    @Test func `the fields are those of the models`() throws {
        let gqa = try read("targets/llama_gqa/config.json")
        #expect((gqa.family, gqa.hiddenSize, gqa.layerCount) == (.llama, 48, 3))
        #expect((gqa.headCount, gqa.keyValueHeadCount, gqa.headSize) == (6, 2, 8))
        #expect((gqa.vocabularySize, gqa.intermediateSize, gqa.maxPositions) == (128, 80, 256))
        #expect(gqa.normEpsilon == 1e-5)
        #expect(gqa.rotary == RotaryConfiguration(base: 500_000))
        #expect((gqa.eosTokens, gqa.bosToken, gqa.padToken) == ([2], 1, nil))
        #expect(!gqa.tiesEmbeddings && !gqa.plan.hasAttentionBias && !gqa.plan.hasOutputBias && !gqa.plan.hasMLPBias)
        let qwen2 = try read("targets/qwen2_tied/config.json")
        #expect(
            qwen2.plan.hasAttentionBias && !qwen2.plan.hasOutputBias && qwen2.tiesEmbeddings
                && qwen2.plan.queryKeyNorm == .none)
        let qwen3 = try read("targets/qwen3/config.json")
        #expect(!qwen3.plan.hasAttentionBias && qwen3.plan.queryKeyNorm == .head && qwen3.headSize == 24)
        #expect(
            try read("targets/llama_rope_llama3/config.json").rotary.scaling
                == .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalPositions: 32))
    }

    @Test func `what early configurations left out has its historic meaning`() throws {
        let old = try changed("llama_gqa") {
            for key in ["num_key_value_heads", "rope_theta", "rope_scaling", "architectures", "tie_word_embeddings"] {
                $0[key] = nil
            }
        }
        #expect((old.keyValueHeadCount, old.rotary.base) == (6, 10000))
        #expect(throws: FileError.self) { try changed("mistral") { $0["num_key_value_heads"] = nil } }
        #expect(throws: FileError.self) { try changed("mistral") { $0["rope_theta"] = nil } }
        #expect(try changed("qwen3") { $0["head_dim"] = nil }.headSize == 128)
        let biased = try changed("llama_gqa") { $0["attention_bias"] = .boolean(true) }
        #expect(biased.plan.hasAttentionBias && biased.plan.hasOutputBias)
    }

    static let unsupported: [(folder: String, key: String, value: String)] = [
        ("llama_mha", "hidden_act", "\"gelu\""), ("llama_mha", "architectures", "[\"GemmaForCausalLM\"]"),
        ("llama_mha", "model_type", "\"mistral\""), ("llama_mha", "quantization_config", "{\"bits\":4}"),
        ("llama_mha", "num_local_experts", "8"), ("llama_mha", "partial_rotary_factor", "0.5"),
        ("llama_mha", "vision_config", "{}"), ("llama_mha", "final_logit_softcapping", "30.0"),
        ("llama_mha", "hidden_size", "0"), ("llama_gqa", "hidden_size", "65"), ("llama_mha", "hidden_size", "64.5"),
        ("llama_mha", "num_hidden_layers", "-1"), ("llama_mha", "vocab_size", "9223372036854775807"),
        ("llama_mha", "num_key_value_heads", "3"), ("llama_mha", "head_dim", "15"), ("llama_mha", "rms_norm_eps", "0"),
        ("llama_mha", "attention_bias", "1"), ("llama_mha", "eos_token_id", "\"</s>\""),
        ("llama_mha", "rope_theta", "500000.0"), ("llama_mha", "vocab_size", "null"),
        ("llama_gqa", "rope_scaling", "{\"type\":\"yarn\",\"factor\":4.0}"),
        ("llama_gqa", "rope_scaling", "{\"type\":\"linear\"}"),
        ("llama_gqa", "rope_scaling", "{\"type\":\"linear\",\"rope_type\":\"dynamic\",\"factor\":4.0}"),
        ("llama_gqa", "rope_scaling", "{\"type\":\"linear\",\"factor\":4.0,\"mrope_section\":[1]}"),
        ("llama_rope_linear", "rope_scaling", "{\"type\":\"linear\",\"factor\":2.0}"),
        ("llama_mha", "sliding_window", "16"), ("mistral", "sliding_window", "0"),
        ("qwen2_tied", "layer_types", "[\"linear_attention\"]"),
    ]

    @Test(arguments: unsupported)
    func `what is not supported is refused by name`(folder: String, key: String, value: String) throws {
        let value = try JSONValue(parsing: Array(value.utf8), from: "value")
        let error = try #require(throws: FileError.self) { try changed(folder) { $0[key] = value } }
        #expect(error.problem.contains(key) || error.problem.contains("rope_"), "\(error)")
        #expect(!error.description.contains("\n"))
    }

    @Test func `a sliding window counts where it is switched on and short of the positions`() throws {
        func windows(_ folder: String, _ change: (inout JSONObject) -> Void) throws -> [Int?] {
            let configuration = try changed(folder, change)
            #expect(configuration.plan.isClassic == configuration.plan.layers.isEmpty)
            return configuration.plan.layers.map(\.window)
        }
        #expect(try windows("mistral") { $0["sliding_window"] = .integer(256) } == [])
        #expect(try windows("mistral") { $0["sliding_window"] = .integer(128) } == [128, 128])
        // Positions that are scaled reach further.
        var linear = JSONObject()
        (linear["type"], linear["factor"]) = (.string("linear"), .integer(2))
        let scaled = try windows("mistral") {
            ($0["sliding_window"], $0["rope_scaling"]) = (.integer(300), .object(linear))
        }
        #expect(scaled == [300, 300])
        // qwen2_untied carries sliding_window 8 with use_sliding_window false.
        #expect(try windows("qwen2_untied") { _ in } == [])
        #expect(try windows("qwen2_untied") { $0["use_sliding_window"] = .boolean(true) } == [])
        let last = try windows("qwen2_untied") {
            $0["use_sliding_window"] = .boolean(true)
            $0["max_window_layers"] = .integer(1)
        }
        #expect(last == [nil, 8])
    }

    @Test func `end tokens come from both files`() throws {
        let folder = try TemporaryFolder()
        let config = try MappedFile(path: Fixtures.path("targets/llama_mha/config.json"))
        try folder.write(config.bytes(0..<config.count), to: "config.json")
        #expect(try ModelConfiguration(folder: folder.path).eosTokens == [2])
        try folder.write(#"{"eos_token_id": [7, 2]}"#, to: "generation_config.json")
        #expect(try ModelConfiguration(folder: folder.path).eosTokens == [2, 7])
    }

    @Test(arguments: folders)
    func `an exported configuration reads the same`(folder: String) throws {
        let temporary = try TemporaryFolder()
        var first = try read("targets/\(folder)/config.json")
        try first.write(folder: temporary.path)
        let second = try ModelConfiguration(folder: temporary.path)
        first.raw = second.raw
        #expect(first == second)
    }

    @Test func `inverse frequencies follow the formulas of each kind`() throws {
        for entry in try #require(JSONValue(path: Fixtures.path("targets/rotary.json")).array) {
            let object = try #require(entry.object)
            let name = try #require(object["case"]?.string)
            let fields = ConfigurationFields(try #require(object["fields"]?.object), path: "rotary.json")
            let rotary = try RotaryConfiguration(fields: fields, maxPositions: 256, needsBase: true)
            let frequencies = rotary.inverseFrequencies(
                headSize: try #require(object["head_size"]?.integer),
                sequenceLength: try #require(object["sequence_length"]?.integer))
            let expected = try #require(object["expected"]?.array).compactMap(\.double).map { Float($0) }
            // A few units in the last place of float32: the powers are computed in float32, as torch does.
            expectClose(frequencies, expected, relative: 5e-7, name)
        }
    }

    @Test func `the authors' draft head forgets the base under linear scaling`() {
        let scaled = RotaryConfiguration(base: 500_000, scaling: .linear(factor: 2))
        #expect(scaled.asInAuthorsDraftHead == RotaryConfiguration(base: 10000, scaling: .linear(factor: 2)))
        let plain = RotaryConfiguration(base: 500_000)
        #expect(plain.asInAuthorsDraftHead == plain)
    }
}
