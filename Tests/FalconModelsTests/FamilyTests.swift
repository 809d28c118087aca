import FalconModels
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

/// Tiny models of each family with what Hugging Face computes from them (Fixtures/Generators/families.py):
/// sequences that are longer than the windows.
@Suite struct FamilyTests {
    static let names = [
        "gemma3", "smollm3", "olmo2", "phi3", "phi3_longrope", "mistral_window", "qwen2_window", "smollm3_window",
    ]
    /// llama.cpp has windows in none of the others.
    static let namesInFiles = names.filter { !["qwen2_window", "smollm3_window"].contains($0) }

    static func compare(_ path: String, _ name: String, arithmetic: ProductArithmetic = .float32) throws {
        let pool = ThreadPool(threadCount: 2)
        let model = try TargetModel(folder: path, arithmetic: arithmetic, pool: pool)
        let expected = Fixtures.path("families/\(name)/expected.safetensors")
        let (tensors, integers) = (try Fixtures.tensors(expected), try Fixtures.integers(expected))
        let features = try #require(tensors["final_hidden"])
        let logits = try #require(tensors["logits"])
        let ids = try #require(integers["input_ids"])
        let greedy = try #require(integers["greedy_ids"])
        let (length, steps) = (features.shape[1], greedy.count / 2)
        for row in 0..<2 {
            let tokens = ids[row * length..<(row + 1) * length].map(Int32.init)
            let cache = model.makeCache(capacity: length + steps + 1)
            let computed = model.forward(tokens, cache: cache, on: pool)
            let own = row * length..<(row + 1) * length
            expectClose(
                computed, features.reshaped([2 * length, features.width]).rows(own), absolute: 2e-4,
                "\(name) features of row \(row)")
            expectClose(
                model.logits(computed, on: pool), logits.reshaped([2 * length, logits.width]).rows(own),
                absolute: 2e-4, "\(name) logits of row \(row)")
            var token = model.greedyTokens(computed.rows(length - 1..<length), on: pool)[0]
            var answer: [Int64] = []
            for _ in 0..<steps {
                answer.append(Int64(token))
                token = model.greedyTokens(model.forward([token], cache: cache, on: pool), on: pool)[0]
            }
            #expect(answer == Array(greedy[row * steps..<(row + 1) * steps]), "\(name) greedy tokens of row \(row)")
        }
    }

    @Test(arguments: names)
    func `a folder agrees with Hugging Face`(name: String) throws {
        try FamilyTests.compare(Fixtures.path("families/\(name)"), name)
    }

    @Test(arguments: namesInFiles)
    func `a GGUF file under the names of llama.cpp agrees with Hugging Face`(name: String) throws {
        try FamilyTests.compare(Fixtures.path("families/\(name)/model.gguf"), name)
    }

    @Test(arguments: names)
    func `both spellings of a configuration mean the same`(name: String) throws {
        let folder = Fixtures.path("families/\(name)")
        let copy = try TemporaryFolder()
        try FileManager.default.copyItem(atPath: folder + "/config_alt.json", toPath: copy.file("config.json"))
        let (new, old) = (try ModelConfiguration(folder: folder), try ModelConfiguration(folder: copy.path))
        #expect(new.plan == old.plan && new.rotary == old.rotary && new.identity == old.identity)
        #expect(new.maxPositions == old.maxPositions && new.tiesEmbeddings == old.tiesEmbeddings)
    }

    @Test(arguments: names)
    func `a row of a token tree has the bits of plain decoding along its path`(name: String) throws {
        let pool = ThreadPool(threadCount: 2)
        let model = try TargetModel(folder: Fixtures.path("families/\(name)"), pool: pool)
        let ids = try #require(
            try Fixtures.integers(Fixtures.path("families/\(name)/expected.safetensors"))["input_ids"])
        let tokens = ids.prefix(30).map(Int32.init)
        // A chain that is deeper than the windows, with a branch at every third node.
        var (nodes, parents): ([Int32], [Int]) = ([], [])
        var last = -1
        for depth in 0..<16 {
            if depth % 3 == 0 {
                nodes.append(Int32(40 + depth))
                parents.append(last)
            }
            nodes.append(Int32(5 + depth))
            parents.append(last)
            last = nodes.count - 1
        }
        let cache = model.makeCache(capacity: 64)
        _ = model.forward(tokens, cache: cache, on: pool)
        let tree = model.forward(nodes, parents: parents, cache: cache, on: pool)
        for row in nodes.indices {
            var path: [Int] = []
            var node = row
            while node >= 0 {
                path.insert(node, at: 0)
                node = parents[node]
            }
            let plain = model.makeCache(capacity: 64)
            _ = model.forward(tokens, cache: plain, on: pool)
            var features = Tensor(zeros: [1, 1])
            for node in path { features = model.forward([nodes[node]], cache: plain, on: pool) }
            #expect(features.row(0) == tree.row(row), "\(name) row \(row)")
        }
    }

    @Test func `the text part of a Gemma 3 that also sees is a model of its own`() throws {
        let folder = Fixtures.path("families/gemma3")
        let copy = try TemporaryFolder()
        let text = try String(contentsOfFile: folder + "/config.json", encoding: .utf8)
        let outer = #"{"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "#
        try (outer + #""eos_token_id": [1, 2], "vision_config": {"hidden_size": 8}, "text_config": \#(text)}"#)
            .write(toFile: copy.file("config.json"), atomically: true, encoding: .utf8)
        let weights = try WeightFolder(path: folder)
        // As transformers 4 and 5 name the parts.
        for (prefix, vision) in [
            ("language_model.model.", "vision_tower."), ("model.language_model.", "model.vision_tower."),
        ] {
            var tensors = try weights.names.map {
                (name: prefix + $0.dropFirst("model.".count), tensor: try weights.tensor($0))
            }
            tensors.append((name: vision + "patch.weight", tensor: Tensor(zeros: [2, 2])))
            tensors.append((name: "multi_modal_projector.weight", tensor: Tensor(zeros: [2, 2])))
            try SafetensorsWriter.write(copy.file("model.safetensors"), tensors: tensors, as: .float32)
            try FamilyTests.compare(copy.path, "gemma3")
        }
        #expect(try ModelConfiguration(folder: copy.path).eosTokens == [1, 2])
    }

    @Test(arguments: [
        ("gemma3", #""use_bidirectional_attention": false"#, #""use_bidirectional_attention": true"#, "embeddings"),
        ("gemma3", #""final_logit_softcapping": null"#, #""final_logit_softcapping": 30.0"#, "final_logit_softcapping"),
        ("gemma3", "gelu_pytorch_tanh", "gelu", "hidden_activation 'gelu'"),
        ("smollm3", #""sliding_window": null"#, #""sliding_window": "x""#, "sliding_window"),
        (
            "qwen2_window", #""use_sliding_window": true"#, #""use_sliding_window": false"#,
            "use_sliding_window is false"
        ),
        ("qwen2_window", #""sliding_window": 7"#, #""sliding_window": null"#, "sliding_window is missing"),
        ("qwen2_window", #""num_hidden_layers": 4"#, #""num_hidden_layers": 5"#, "layer_types has not one entry"),
        ("smollm3_window", #""sliding_window": 7"#, #""sliding_window": 0"#, "sliding_window must be"),
        ("olmo2", #""model_type": "olmo2""#, #""model_type": "olmo3""#, "olmo3"),
        ("phi3_longrope", #""partial_rotary_factor": 0.75"#, #""partial_rotary_factor": 0.5"#, "short_factor"),
        ("phi3_longrope", #""rope_type": "longrope""#, #""rope_type": "other""#, "'other' is not supported"),
    ])
    func `what a family does not compute is refused by name`(
        name: String, old: String, new: String, message: String
    ) throws {
        let copy = try TemporaryFolder()
        let text = try String(contentsOfFile: Fixtures.path("families/\(name)/config.json"), encoding: .utf8)
        #expect(text.contains(old))
        try text.replacingOccurrences(of: old, with: new)
            .write(toFile: copy.file("config.json"), atomically: true, encoding: .utf8)
        let error = #expect(throws: FileError.self) { try ModelConfiguration(folder: copy.path) }
        #expect("\(try #require(error))".contains(message), "\(error!)")
    }

    @Test(arguments: [
        ("gemma3", "542690b1835d6b33cf0050f39e5a4bfb0326111bd2529d96682b31997e09f393"),
        ("olmo2", "dc06f88507f120b38952f63aeebc0571d9b653c3269847b767586cdba01de6e8"),
        ("phi3_longrope", "d7e87d311aa5fdd0f0051dae50ae895567e0ebbb0f0558edbe18351158438c92"),
    ])
    func `a model keeps its fingerprint`(name: String, fingerprint: String) throws {
        let folder = Fixtures.path("families/\(name)")
        let configuration = try ModelConfiguration(folder: folder)
        let own = TargetModel.fingerprint(configuration, try WeightFolder(path: folder))
        #expect(own == fingerprint)
    }
}
