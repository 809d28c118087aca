/// A tokenizer as the metadata of a GGUF file describes it, not yet checked. Names in quotes are the file's keys.
package struct GGUFVocabulary: Sendable {
    /// "tokenizer.ggml.model": `gpt2` (byte pairs over bytes) or `llama` (SentencePiece).
    package var model: String
    /// "tokenizer.ggml.pre": by what rules text is cut into words; `nil` where the file does not say.
    package var pre: String?
    /// "tokenizer.ggml.tokens": the spelling of each id.
    package var tokens: [String]
    /// "tokenizer.ggml.scores": of each id, for `llama`; higher ones merge first.
    package var scores: [Float]?
    /// "tokenizer.ggml.token_type" of each id: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    package var types: [Int]?
    /// "tokenizer.ggml.merges": "left right", earlier ones first, for `gpt2`.
    package var merges: [String]?
    /// Ids by what they are for, as in "tokenizer.ggml.bos_token_id": `bos`, `eos`, `unknown`, `padding`, ...
    package var roles: [String: Int] = [:]
    /// "tokenizer.ggml.add_space_prefix"; `nil`: as usual for the model.
    package var addsSpacePrefix: Bool?
    /// "tokenizer.ggml.remove_extra_whitespaces".
    package var removesExtraWhitespace = false
    /// "tokenizer.ggml.precompiled_charsmap": whether there is one with anything in it.
    package var hasCharacterMap = false

    package init(model: String, tokens: [String]) {
        self.model = model
        self.tokens = tokens
    }

    /// Where in the file something is wrong.
    func field(_ key: String, _ file: String) -> JSONField {
        JSONField(file: file, path: "tokenizer.ggml.\(key)", value: nil)
    }

    /// All of it, for a digest.
    var content: [UInt8] {
        var text = "\(model)\n\(pre ?? "-")\n\(addsSpacePrefix.map(String.init) ?? "-")\n"
        for (role, id) in roles.sorted(by: { $0.key < $1.key }) { text += "\(role) \(id)\n" }
        for (id, token) in tokens.enumerated() {
            text += "\(token.utf8.count) \(token) \(types?[id] ?? 1) \(scores?[id].bitPattern ?? 0)\n"
        }
        for merge in merges ?? [] { text += merge + "\n" }
        return Array(text.utf8)
    }
}
