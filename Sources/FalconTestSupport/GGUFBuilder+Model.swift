import FalconTensor

/// A tiny model with weights from a seed.
extension GGUFBuilder {
    package struct Shape {
        package var architecture = "llama"
        package var layers = 2, hidden = 24, heads = 3, keyValueHeads = 1, headSize = 8, wide = 32, vocabulary = 40
        package var isTied = false
        package var hasBiases = false, hasHeadNorms = false
        package init() {}
    }

    /// All keys and float32 tensors of a model, without a tokenizer.
    package static func model(_ shape: Shape = Shape(), seed: UInt64 = 7) -> GGUFBuilder {
        var file = GGUFBuilder()
        let name = shape.architecture
        file.set("general.architecture", .string(name))
        for (key, value) in [
            ("block_count", shape.layers), ("context_length", 64), ("embedding_length", shape.hidden),
            ("feed_forward_length", shape.wide), ("attention.head_count", shape.heads),
            ("attention.head_count_kv", shape.keyValueHeads), ("attention.key_length", shape.headSize),
        ] { file.set("\(name).\(key)", .uint32(UInt32(value))) }
        file.set("\(name).attention.layer_norm_rms_epsilon", .float32(1e-5))
        var random = RandomSource(seed: seed)
        func add(_ name: String, _ shape: Int...) {
            let values = (0..<shape.reduce(1, *)).map { _ in Float(random.uniform()) - 0.5 }
            file.add(name, Tensor(values, shape))
        }
        let (queries, keys) = (shape.heads * shape.headSize, shape.keyValueHeads * shape.headSize)
        add("token_embd.weight", shape.vocabulary, shape.hidden)
        add("output_norm.weight", shape.hidden)
        if !shape.isTied { add("output.weight", shape.vocabulary, shape.hidden) }
        for layer in 0..<shape.layers {
            let block = "blk.\(layer)."
            add(block + "attn_norm.weight", shape.hidden)
            for (name, rows) in [("q", queries), ("k", keys), ("v", keys)] {
                add(block + "attn_\(name).weight", rows, shape.hidden)
                if shape.hasBiases { add(block + "attn_\(name).bias", rows) }
            }
            add(block + "attn_output.weight", shape.hidden, queries)
            if shape.hasHeadNorms {
                add(block + "attn_q_norm.weight", shape.headSize)
                add(block + "attn_k_norm.weight", shape.headSize)
            }
            add(block + "ffn_norm.weight", shape.hidden)
            add(block + "ffn_gate.weight", shape.wide, shape.hidden)
            add(block + "ffn_up.weight", shape.wide, shape.hidden)
            add(block + "ffn_down.weight", shape.hidden, shape.wide)
        }
        return file
    }
}
