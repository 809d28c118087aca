import FalconDraft
import FalconJSON
import FalconModels
import FalconNN
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

/// What a draft head's folder says in two places must agree, and heads of other methods are refused by name.
@Suite struct DraftFolderTests {
    private static let text = """
        {"architectures": ["LlamaForCausalLM"], "vocab_size": 30, "hidden_size": 16, "intermediate_size": 24,
         "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
         "rope_theta": 10000.0, "max_position_embeddings": 128}
        """

    /// A random head of Falcon's own, as training and export write it, with members of its configuration changed.
    private func head(
        _ fusion: FusionKind, blockSize: Int = 2, hasBias: Bool = true, as type: ElementType = .float32,
        target: String? = nil, changes: [String: JSONValue?] = [:]
    ) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        var object = try #require(JSONParser.parse(Array(DraftFolderTests.text.utf8)).object)
        object["k_mask"] = .integer(blockSize)
        object["fusion"] = .string(fusion.rawValue)
        object["bias"] = .boolean(hasBias)
        let configuration = try DraftConfiguration(object, path: "config.json")
        let network = try DraftNetwork(
            configuration, .random(RandomSource(seed: 3)),
            embedding: StoredMatrix(Tensor(repeating: 0.5, [30, 16])))
        try network.write(folder: folder.path, as: type, target: target)
        var written = try #require(JSONValue(path: folder.file("config.json")).object)
        for (key, value) in changes { written[key] = value }
        try folder.write(JSONValue.object(written).text(), to: "config.json")
        return folder
    }

    private func refusal(_ folder: String, fusion: FusionKind? = nil) -> String {
        do {
            try DraftFolder(path: folder, fusion: fusion).check()
            return "taken"
        } catch {
            #expect(!"\(error)".contains("\n"))
            return "\(error)"
        }
    }

    /// The same, while the folder is there.
    private func refusal(of folder: TemporaryFolder) -> String { withExtendedLifetime(folder) { refusal(folder.path) } }

    @Test(arguments: FusionKind.allCases)
    func `a configuration that lost its fusion or block size is refused with what the weights say`(
        fusion: FusionKind
    ) throws {
        #expect(try refusal(of: head(fusion)) == "taken")
        let lost = try head(fusion, changes: ["fusion": nil as JSONValue?])
        #expect(refusal(lost.path).contains("fusion is missing; the weights were trained with \(fusion.rawValue)"))
        // Whoever names it means it.
        #expect(refusal(lost.path, fusion: fusion) == "taken")
        #expect(try refusal(of: head(fusion, changes: ["k_mask": nil as JSONValue?])).contains(#"add "k_mask": 2"#))
        #expect(
            try refusal(of: head(fusion, changes: ["k_mask": .integer(4)])).contains(
                "k_mask is 4, but the weights were trained with 2"))
        let other: FusionKind = fusion == .lstm ? .gated : .lstm
        let changed = try head(fusion, changes: ["fusion": .string(other.rawValue)])
        #expect(refusal(changed.path).contains("fusion is '\(other.rawValue)', but the weights were trained with"))
        for folder in [lost, changed] {
            #expect(throws: FileError.self) { try DraftNetwork(folder: folder.path) }
            #expect(throws: FileError.self) {
                try DraftHead(folder: folder.path, pool: ThreadPool(threadCount: 1))
            }
        }
    }

    @Test func `a head that notes its target is Falcon's and must name its fusion, whatever its weights note`() throws {
        for type in ["model.safetensors", "pytorch_model.bin"] {
            let folder = try head(.lstm, target: "0123", changes: ["fusion": nil as JSONValue?])
            let weights = try WeightFolder(path: folder.path)
            let tensors = try weights.names.map { (name: $0, tensor: try weights.tensor($0)) }
            try FileManager.default.removeItem(atPath: folder.file("model.safetensors"))
            if type.hasSuffix("bin") {
                try TorchCheckpointWriter.write(folder.file(type), tensors: tensors, as: .float32)
            } else {
                try SafetensorsWriter.write(folder.file(type), tensors: tensors)
            }
            #expect(refusal(folder.path).contains("fusion is missing, though the head is one of Falcon's"))
            #expect(refusal(folder.path, fusion: .lstm) == "taken")
        }
    }

    @Test func `a head of the authors' keeps the documented default`() throws {
        #expect(try DraftFolder(path: Fixtures.path("drafter/k3_gqa")).configuration.fusion == .gated)
        #expect(refusal(Fixtures.path("drafter/k3_gqa")) == "taken")
    }

    @Test(arguments: FusionKind.allCases, [ElementType.bfloat16, .float16])
    func `a head in any type, and one of several types, drafts with its own numbers`(
        fusion: FusionKind, type: ElementType
    ) throws {
        let pool = ThreadPool(threadCount: 1)
        let narrow = try head(fusion, as: type)
        // The same numbers, all in float32: what they are rounded to is exact there.
        let weights = try WeightFolder(path: narrow.path)
        let wide = try TemporaryFolder()
        try wide.write(String(decoding: bytes(narrow.file("config.json")), as: UTF8.self), to: "config.json")
        let tensors = try weights.names.map { (name: $0, tensor: try weights.tensor($0)) }
        try SafetensorsWriter.write(
            wide.file("model.safetensors"), tensors: tensors, metadata: weights.metadata)
        // Every second tensor in the narrow type, the others in float32, in two files with an index.
        let mixed = try TemporaryFolder()
        try mixed.write(String(decoding: bytes(narrow.file("config.json")), as: UTF8.self), to: "config.json")
        let (odd, even) = (
            tensors.enumerated().filter { $0.offset % 2 == 1 }.map(\.element),
            tensors.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        )
        try SafetensorsWriter.write(mixed.file("a.safetensors"), tensors: odd, as: type, metadata: weights.metadata)
        try SafetensorsWriter.write(mixed.file("b.safetensors"), tensors: even, metadata: weights.metadata)
        var map = JSONObject()
        for tensor in odd { map[tensor.name] = .string("a.safetensors") }
        for tensor in even { map[tensor.name] = .string("b.safetensors") }
        var index = JSONObject()
        index["weight_map"] = .object(map)
        try mixed.write(JSONValue.object(index).text(), to: "model.safetensors.index.json")

        let results = try [narrow, wide, mixed].map { try draft(DraftHead(folder: $0.path, pool: pool), on: pool) }
        #expect(results[0].isFinite)
        #expect(results[0] == results[1] && results[1] == results[2])
    }

    private func bytes(_ path: String) throws -> [UInt8] {
        let file = try MappedFile(path: path)
        return file.bytes(0..<file.count)
    }

    /// The features of the first block behind a short text.
    private func draft(_ head: DraftHead, on pool: ThreadPool) throws -> Tensor {
        var random = RandomSource(seed: 9)
        let session = DraftSession(head: head, capacity: 8, branchRows: 0)
        session.extend(
            features: Tensor(normal: 1, [6, head.configuration.model.hiddenSize], from: &random),
            nextTokens: [1, 2, 3, 4, 5, 6], on: pool)
        return try #require(session.firstBlock(on: pool))
    }

    @Test func `a tensor of whole numbers, one too many and a value that is no number are refused`() throws {
        let pool = ThreadPool(threadCount: 1)
        func changed(
            _ change: (inout [(name: String, tensor: Tensor)]) -> Void,
            integers: [(name: String, values: [Int64], shape: [Int])] = []
        ) throws -> TemporaryFolder {
            let folder = try head(.lstm)
            let weights = try WeightFolder(path: folder.path)
            var tensors = try weights.names.map { (name: $0, tensor: try weights.tensor($0)) }
            change(&tensors)
            let metadata = weights.metadata
            try SafetensorsWriter.write(
                folder.file("model.safetensors"), tensors: tensors, integers: integers, metadata: metadata)
            return folder
        }
        let name = "layers.0.mlp.up_proj.weight"
        let cases = [
            (
                try changed(
                    { $0.removeAll { $0.name == name } },
                    integers: [(name, [Int64](repeating: 1, count: 24 * 16), [24, 16])]), "int64"
            ),
            (try changed { $0.append(("norm.weight", Tensor(zeros: [16]))) }, "'norm.weight'"),
            (try changed { $0.append(("layers.1.mlp.up_proj.weight", Tensor(zeros: [24, 16]))) }, "layers.1."),
            (try changed { $0.removeAll { $0.name == "lstm.bias_hh_l1" } }, "lstm.bias_hh_l1"),
            (
                try changed { tensors in
                    for index in tensors.indices where tensors[index].name == "lstm.weight_hh_l0" {
                        tensors[index].tensor[40, 3] = .nan
                    }
                }, "lstm.weight_hh_l0"
            ),
        ]
        for (folder, word) in cases {
            let error = #expect(throws: FileError.self) { try DraftHead(folder: folder.path, pool: pool) }
            #expect(error?.description.contains(word) == true, "\(String(describing: error))")
            #expect(throws: (any Error).self, "\(word)") { try DraftNetwork(folder: folder.path) }
        }
    }

    @Test(arguments: [FusionKind.lstm, .gated])
    func `an LSTM without biases is one with biases of zero, in both forms`(fusion: FusionKind) throws {
        let pool = ThreadPool(threadCount: 1)
        let bare = try head(fusion, hasBias: false)
        let weights = try WeightFolder(path: bare.path)
        #expect(!weights.names.contains { $0.contains("lstm.bias") })
        let zeros = try head(fusion)
        var tensors = try weights.names.map { (name: $0, tensor: try weights.tensor($0)) }
        for layer in 0..<2 {
            for bias in ["ih", "hh"] { tensors.append(("lstm.bias_\(bias)_l\(layer)", Tensor(zeros: [64]))) }
        }
        try SafetensorsWriter.write(
            zeros.file("model.safetensors"), tensors: tensors, metadata: weights.metadata)
        let drafts = try [bare, zeros].map { try draft(DraftHead(folder: $0.path, pool: pool), on: pool) }
        #expect(drafts[0] == drafts[1])
        var random = RandomSource(seed: 5)
        let features = Tensor(normal: 1, [1, 6, 16], from: &random)
        let networks = try [bare, zeros].map { try DraftNetwork(folder: $0.path) }
        let outputs = networks.map {
            $0.features(features, nextTokens: [[1, 2, 3, 4, 5, 6]], lengths: [6], on: pool)
        }
        #expect(outputs[0] == outputs[1])
        // What was read without biases is written without them, and says so.
        let again = try TemporaryFolder()
        try networks[0].write(folder: again.path)
        #expect(try DraftFolder(path: again.path).configuration.hasFusionBias == false)
        #expect(refusal(again.path) == "taken")
        // Biases that the configuration denies are not left out in silence.
        let denied = try head(fusion, changes: ["bias": .boolean(false)])
        #expect(refusal(denied.path).contains("lstm.bias_hh_l0"))
    }

    @Test func `a dropout in the configuration changes nothing outside training, and none is out of range`() throws {
        let pool = ThreadPool(threadCount: 1)
        let whole = try head(.lstm)
        let plain = try draft(DraftHead(folder: whole.path, pool: pool), on: pool)
        for dropout in [JSONValue.integer(1), .number(0.1), .integer(0), .null] {
            let folder = try head(.lstm, changes: ["dropout": dropout])
            #expect(try draft(DraftHead(folder: folder.path, pool: pool), on: pool) == plain)
        }
        #expect(try refusal(of: head(.lstm, changes: ["dropout": .number(1.5)])).contains("dropout"))
        #expect(try refusal(of: head(.lstm, changes: ["dropout": .string("x")])).contains("dropout"))
    }

    @Test(arguments: [
        (#""speculators_model_type": "eagle3""#, "speculators"), (#""medusa_num_heads": 4"#, "Medusa"),
        (#""draft_vocab_size": 32000"#, "EAGLE-3"), (#""eagle_config": {}"#, "EAGLE-3"),
        (#""architectures": ["LlamaForCausalLMEagle3"]"#, "EAGLE-3"), (#""model_type": "medusa""#, "Medusa"),
        (#""architectures": ["MLPSpeculatorPreTrainedModel"]"#, "MLP speculator"),
    ])
    func `a head of another method is told by its configuration`(member: String, name: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("{\(member)}", to: "config.json")
        #expect(refusal(folder.path).contains(name), "\(refusal(folder.path))")
        #expect(refusal(folder.path).contains("not supported"))
    }

    @Test(arguments: [
        ("midlayer.self_attn.q_proj.weight", [4, 4], "EAGLE-3"), ("d2t", [4], "EAGLE-3"),
        ("fc.weight", [16, 48], "EAGLE-3"), ("medusa_head.0.0.linear.weight", [4, 4], "Medusa"),
        ("0.0.linear.weight", [4, 4], "Medusa"), ("model.embed_tokens.weight", [30, 16], "whole language model"),
    ])
    func `a head of another method is told by its weights`(tensor: String, shape: [Int], name: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(DraftFolderTests.text, to: "config.json")
        try SafetensorsWriter.write(folder.file("model.safetensors"), tensors: [(tensor, Tensor(zeros: shape))])
        #expect(refusal(folder.path).contains(name), "\(refusal(folder.path))")
    }

    @Test func `a path that holds no head is named for what it is`() throws {
        let folder = try TemporaryFolder()
        #expect(refusal(try folder.write("GGUF\u{3}\0\0\0", to: "head.gguf")).contains("not supported for draft heads"))
        #expect(refusal("yuhuili/EAGLE-Vicuna-7B-v1.3").contains("hf download yuhuili/EAGLE-Vicuna-7B-v1.3"))
        try folder.write("{}", to: "lora/adapter_config.json")
        #expect(refusal(folder.file("lora")).contains("adapter"))
    }
}
