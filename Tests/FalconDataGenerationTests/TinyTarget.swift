import FalconTensor
import FalconTestSupport
import FalconWeights

/// A random model with a tokenizer of single bytes, small enough to be made again for each test.
enum TinyTarget {
    static let hiddenSize = 16
    static let maxPositions = 96

    /// Writes the model's folder and returns its path.
    static func write(into folder: TemporaryFolder, seed: UInt64 = 1, named name: String = "target") throws -> String {
        let path = folder.file(name)
        try folder.write(tokenizer, to: "\(name)/tokenizer.json")
        try folder.write(
            #"""
            {"chat_template": "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}{{ m['content'] }}\#
            {{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}\#
            {% endif %}", "eos_token": "<|im_end|>"}
            """#,
            to: "\(name)/tokenizer_config.json")
        try folder.write(
            """
            {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 258, "hidden_size": 16,
             "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
             "head_dim": 8, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": \(maxPositions),
             "tie_word_embeddings": true, "hidden_act": "silu", "eos_token_id": 257, "bos_token_id": null}
            """, to: "\(name)/config.json")
        var random = RandomSource(seed: seed)
        let shapes: [(String, [Int])] = [
            ("embed_tokens.weight", [258, 16]), ("norm.weight", [16]), ("layers.0.input_layernorm.weight", [16]),
            ("layers.0.post_attention_layernorm.weight", [16]), ("layers.0.self_attn.q_proj.weight", [16, 16]),
            ("layers.0.self_attn.k_proj.weight", [8, 16]), ("layers.0.self_attn.v_proj.weight", [8, 16]),
            ("layers.0.self_attn.o_proj.weight", [16, 16]), ("layers.0.mlp.gate_proj.weight", [24, 16]),
            ("layers.0.mlp.up_proj.weight", [24, 16]), ("layers.0.mlp.down_proj.weight", [16, 24]),
        ]
        let tensors = shapes.map { shape in
            (name: "model." + shape.0, tensor: Tensor(normal: 0.4, shape.1, from: &random))
        }
        try SafetensorsWriter.write(path + "/model.safetensors", tensors: tensors)
        return path
    }

    /// Chats in ShareGPT's form, each of another length.
    static func chats(_ count: Int) -> String {
        let rows = (0..<count).map { index in
            """
            {"id": "chat-\(index)", "conversations": [{"from": "human", "value": "\(index)?"},
             {"from": "gpt", "value": "\(String(repeating: "la ", count: index % 5))\(index)"}]}
            """
        }
        return "[" + rows.joined(separator: ",\n") + "]"
    }

    /// A byte-level tokenizer without merges. Like GPT-2's, it names printable bytes by themselves and the others by
    /// the characters from U+0100 on.
    private static var tokenizer: String {
        var next: UInt32 = 0x100
        let names = (UInt32(0)..<256).map { byte in
            if (0x21...0x7e).contains(byte) || (0xa1...0xac).contains(byte) || byte >= 0xae { return byte }
            defer { next += 1 }
            return next
        }
        let vocabulary = names.enumerated().map { index, name in
            "\"\\u\(String(name + 0x10000, radix: 16).dropFirst())\": \(index)"
        }
        let special = ["<|im_start|>", "<|im_end|>"].enumerated().map { index, content in
            """
            {"id": \(256 + index), "content": "\(content)", "single_word": false, "lstrip": false, "rstrip": false,
             "normalized": false, "special": true}
            """
        }
        return """
            {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [\(special.joined(separator: ","))],
             "normalizer": null,
             "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
             "post_processor": null,
             "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
             "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
              "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
              "vocab": {\(vocabulary.joined(separator: ", "))}, "merges": []}}
            """
    }
}
