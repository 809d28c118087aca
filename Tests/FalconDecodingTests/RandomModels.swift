import FalconDraft
import FalconModels
import FalconNN
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation

/// Small random targets and draft heads in Hugging Face's layout, for properties that hold for any weights.
struct RandomModels {
    let folder: TemporaryFolder
    let target: TargetModel

    static let vocabulary = 48

    /// - Parameter favoured: how many tokens have so large LM head rows that target and draft head hardly ever choose
    ///   another: then even a random head's guesses are often right.
    init(
        seed: UInt64, vocabulary: Int = RandomModels.vocabulary, layers: Int = 2, keyValueHeads: Int = 2,
        context: Int = 512, favoured: Int = 5, type: ElementType = .float32,
        arithmetic: ProductArithmetic = .float32, pool: ThreadPool
    ) throws {
        folder = try TemporaryFolder()
        var random = RandomSource(seed: seed)
        let (hidden, wide, heads, size) = (16, 24, 4, 4)
        try folder.write(
            """
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": \(vocabulary),
             "hidden_size": \(hidden), "intermediate_size": \(wide), "num_hidden_layers": \(layers),
             "num_attention_heads": \(heads), "num_key_value_heads": \(keyValueHeads), "rms_norm_eps": 1e-5,
             "rope_theta": 10000.0, "max_position_embeddings": \(context), "tie_word_embeddings": false,
             "eos_token_id": \(vocabulary > 47 ? "47" : "null"), "hidden_act": "silu"}
            """, to: "target/config.json")
        var tensors: [(name: String, tensor: Tensor)] = []
        func add(_ name: String, _ shape: [Int], _ deviation: Float) {
            tensors.append((name, Tensor(normal: deviation, shape, from: &random)))
        }
        add("model.embed_tokens.weight", [vocabulary, hidden], 1)
        var head: [Float] = []
        for token in 0..<vocabulary {
            head += Tensor(normal: token < favoured ? 5 : 1, [hidden], from: &random).scalars
        }
        tensors.append(("lm_head.weight", Tensor(head, [vocabulary, hidden])))
        tensors.append(("model.norm.weight", Tensor(repeating: 1, [hidden])))
        for layer in 0..<layers {
            let scope = "model.layers.\(layer)."
            for norm in ["input_layernorm", "post_attention_layernorm"] {
                tensors.append((scope + norm + ".weight", Tensor(repeating: 1, [hidden])))
            }
            add(scope + "self_attn.q_proj.weight", [hidden, hidden], 0.5)
            add(scope + "self_attn.k_proj.weight", [keyValueHeads * size, hidden], 0.5)
            add(scope + "self_attn.v_proj.weight", [keyValueHeads * size, hidden], 0.5)
            add(scope + "self_attn.o_proj.weight", [hidden, hidden], 0.5)
            add(scope + "mlp.gate_proj.weight", [wide, hidden], 0.3)
            add(scope + "mlp.up_proj.weight", [wide, hidden], 0.3)
            add(scope + "mlp.down_proj.weight", [hidden, wide], 0.3)
        }
        try SafetensorsWriter.write(
            folder.file("target/model.safetensors"), tensors: tensors, as: type, metadata: [:])
        target = try TargetModel(folder: folder.file("target"), arithmetic: arithmetic, pool: pool)
    }

    /// A head with random weights: its guesses are hardly ever right, which must not matter.
    ///
    /// - Parameters:
    ///   - ranked: the tokens that it ranks, where those are not all.
    ///   - correction: the rank of a correction that matters.
    ///   - auxiliary: layers whose states the head reads, and not in vain.
    func network(
        blockSize: Int, layers: Int = 1, fusion: FusionKind, seed: UInt64, ranked: [Int32]? = nil, correction: Int = 0,
        auxiliary: [Int] = []
    ) throws -> DraftNetwork {
        var configuration = DraftConfiguration(
            target: target.configuration, blockSize: blockSize, layerCount: layers, fusion: fusion)
        (configuration.correctionRank, configuration.hasNewestPair) = (correction, correction > 0)
        configuration.auxiliaryLayers = auxiliary
        let network = try DraftNetwork(
            configuration, .random(RandomSource(seed: seed)), embedding: target.embedding,
            vocabulary: ranked.map { VocabularySubset($0, of: target.configuration.vocabularySize) })
        var random = RandomSource(seed: seed, stream: 7)
        for parameter in network.parameters.trainable where parameter.name.hasPrefix("correction.output") {
            parameter.value = Tensor(normal: 0.5, parameter.value.shape, from: &random)
        }
        if let weight = network.parameters["auxiliary.weight"] {
            weight.value = Tensor(normal: 0.3, weight.value.shape, from: &random)
        }
        return network
    }

    func head(
        _ network: DraftNetwork, arithmetic: ProductArithmetic? = nil, pool: ThreadPool
    ) throws -> DraftHead {
        try DraftHead(folder: write(network), target: target, arithmetic: arithmetic, pool: pool)
    }

    /// Writes a head into a folder of its own.
    func write(_ network: DraftNetwork) throws -> String {
        let path = folder.file("draft-\(UUID().uuidString)")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try network.write(folder: path)
        return path
    }
}
