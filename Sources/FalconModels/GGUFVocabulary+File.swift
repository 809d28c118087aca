import FalconTokenizer
import FalconWeights

extension GGUFVocabulary {
    /// The tokenizer in a GGUF file's metadata.
    ///
    /// - Throws: `FileError` naming the key of a value that has another type than it should; what the values mean is
    ///   for `Tokenizer` to check.
    init(_ metadata: GGUFMetadata) throws {
        let prefix = "tokenizer.ggml."
        func required<Value>(_ key: String, _ value: Value?) throws -> Value {
            guard let value else { throw metadata.problem(prefix + key, "is missing") }
            return value
        }
        let model = try required("model", metadata.string(prefix + "model"))
        let tokens = try required("tokens", metadata.strings(prefix + "tokens"))
        self.init(model: model, tokens: tokens)
        pre = try metadata.string(prefix + "pre")
        scores = try metadata.reals(prefix + "scores")?.map { Float($0) }
        types = try metadata.integers(prefix + "token_type")?.map { Int($0) }
        merges = try metadata.strings(prefix + "merges")
        for role in ["bos", "eos", "eot", "eom", "unknown", "seperator", "padding", "mask"] {
            if let id = try metadata.token(role) { roles[role] = Int(id) }
        }
        addsSpacePrefix = try metadata.boolean(prefix + "add_space_prefix")
        removesExtraWhitespace = try metadata.boolean(prefix + "remove_extra_whitespaces") ?? false
        hasCharacterMap = (try metadata.array(prefix + "precompiled_charsmap")?.count ?? 0) > 0
    }
}
