import FalconJSON
import FalconTensor
import Foundation

extension FuzzSeeds {
    /// Real tokenizers cut down to some hundred tokens, so that a change hits what matters and reading takes no time.
    static func smallTokenizers(_ folder: String) throws -> [[UInt8]] {
        let names = ["llama2", "llama3", "qwen2", "sp_metaspace"]
        return try names.map { try smallTokenizer(folder + "/" + $0 + "/tokenizer.json") } + [Array(handwritten.utf8)]
    }

    private static func smallTokenizer(_ path: String) throws -> [UInt8] {
        let file = try MappedFile(path: path)
        var document = try JSONParser.parse(file.bytes(0..<file.count))
        guard case .object(var root) = document, case .object(var model)? = root["model"],
            let tokens = model["vocab"]?.object?.members, let merges = model["merges"]?.array
        else { return [] }
        // Byte pieces come first in all of them; their number is what every text can be written with.
        let kept = tokens.sorted { ($0.value.integer ?? 0) < ($1.value.integer ?? 0) }.prefix(330)
        var vocabulary = JSONObject()
        for (id, token) in kept.enumerated() { vocabulary.append(token.key, .integer(id)) }
        func sides(_ merge: JSONValue) -> [String] {
            merge.array?.compactMap(\.string) ?? merge.string?.split(separator: " ").map(String.init) ?? []
        }
        let fitting = merges.filter { merge in
            let parts = sides(merge)
            return parts.count == 2 && (parts + [parts.joined()]).allSatisfy { vocabulary[$0] != nil }
        }
        model["vocab"] = .object(vocabulary)
        model["merges"] = .array(Array(fitting.prefix(40)))
        root["model"] = .object(model)
        // Added tokens behind the vocabulary get the next ids.
        var next = kept.count
        root["added_tokens"] = .array(
            (root["added_tokens"]?.array ?? []).prefix(4).map { added in
                guard case .object(var token) = added, let content = token["content"]?.string else { return added }
                if let known = vocabulary[content] {
                    token["id"] = known
                } else {
                    token["id"] = .integer(next)
                    next += 1
                }
                return .object(token)
            })
        document = .object(root)
        return Array(document.text().utf8)
    }

    private static let handwritten = """
        {"added_tokens": [{"id": 3, "content": "<x>", "special": true}], "normalizer": {"type": "NFC"}, \
        "pre_tokenizer": null, "decoder": null, "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, \
        "merges": ["a b"]}}
        """

    /// A whole model of 5 KB.
    static let targetConfiguration = """
        {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 20, "hidden_size": 8,
         "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
         "head_dim": 4, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 64,
         "rope_scaling": {"rope_type": "linear", "factor": 2.0},
         "tie_word_embeddings": true, "hidden_act": "silu", "eos_token_id": [1, 2], "bos_token_id": null}
        """

    static let recipes = [
        """
        [draft]
        block_size = 3
        fusion = "gated"
        [optimizer]
        betas = [0.9, 0.95]
        learning_rate = 1e-3
        """,
        "[training]\nbatch_size = 4 # rows\n[pretrain]\n",
        "a = 1979-05-27T07:32:00Z\nb = '''x'''\n[[c]]\nd = {e = inf, f = nan, g = 0xFF}\n",
    ]

    static let trees = [
        "name = \"t\"\nblock_size = 2\npaths = [[0], [1], [0, 0], [0, 1], [0, 0, 0]]\n",
        "paths = [[0]]",
        "paths = \([[0], [1], [2], [3], [0, 0], [1, 0], [0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0, 0]])",
    ]

    static let chats = [
        #"[{"role": "system", "content": "be brief"}, {"role": "user", "content": "a"}]"#,
        #"[{"id": "x", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}]"#,
        #"{"id": "x", "messages": [{"role": "user", "content": "a"}, "#
            + #"{"role": "assistant", "content": [{"type": "text", "text": "\ud83d\ude00 b"}]}]}"#,
        #"{"question_id": 81, "category": "writing", "turns": ["one", "two"]}"# + "\n" + #"{"prompt": "p\u0000"}"#,
        #"{"input_ids": [1, 2, 3], "loss_mask": [0, 1, 1], "messages": [{"role": "user", "content": "a"}]}"#,
    ]
}
