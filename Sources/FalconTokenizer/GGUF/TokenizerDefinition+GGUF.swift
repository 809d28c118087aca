extension TokenizerDefinition {
    /// - Parameter file: what errors call the file.
    /// - Throws: `TokenizerError` naming the file and the key.
    init(_ source: GGUFVocabulary, file: String) throws {
        var vocabulary = try Self.readTokens(source, file)
        for (id, token) in source.tokens.enumerated() where !token.isEmpty {
            let type = source.types?[id] ?? TokenType.normal.rawValue
            guard let type = TokenType(rawValue: type), type.isRecognised,
                vocabulary.id(of: Array(token.utf8)) == Int32(id)
            else { continue }
            try vocabulary.add(AddedToken(content: token, isSpecial: type != .userDefined))
        }
        switch source.model {
        case "gpt2": self = try Self.bytePairs(source, vocabulary, file)
        case "llama": self = try Self.sentencePieces(source, vocabulary, file)
        case let model:
            throw source.field("model", file).error("is '\(model)', which is not supported; known are gpt2 and llama")
        }
    }

    private enum TokenType: Int {
        case normal = 1
        case unknown, control, userDefined, unused, byte

        /// Whether text that spells the token is the token.
        var isRecognised: Bool { self == .unknown || self == .control || self == .userDefined }
    }

    private static func readTokens(_ source: GGUFVocabulary, _ file: String) throws -> TokenVocabulary {
        let count = source.tokens.count
        guard count > 0 else { throw source.field("tokens", file).error("is empty") }
        if let types = source.types {
            let field = source.field("token_type", file)
            guard types.count == count else { throw field.error("has \(types.count) entries for \(count) tokens") }
            if let id = types.firstIndex(where: { TokenType(rawValue: $0) == nil }) {
                throw field.error("gives the token \(id) the type \(types[id]); known are 1 to 6")
            }
        }
        if let scores = source.scores {
            let field = source.field("scores", file)
            guard scores.count == count else { throw field.error("has \(scores.count) entries for \(count) tokens") }
            if let id = scores.firstIndex(where: \.isNaN) { throw field.error("has no number for the token \(id)") }
        }
        for (role, id) in source.roles.sorted(by: { $0.key < $1.key }) where id < 0 || id >= count {
            throw source.field("\(role)_token_id", file).error("is \(id), and there are \(count) tokens")
        }
        return try TokenVocabulary(
            source.tokens.enumerated().map { ($0.element, $0.offset) }, source: source.field("tokens", file))
    }

    /// Byte pairs over bytes, as GPT-2 has them.
    private static func bytePairs(
        _ source: GGUFVocabulary, _ vocabulary: TokenVocabulary, _ file: String
    ) throws -> TokenizerDefinition {
        let field = source.field("merges", file)
        guard let list = source.merges else { throw field.error("is missing") }
        let merges = try MergeList(count: list.count, of: vocabulary, source: field) { MergeList.sides(of: list[$0]) }
        let rules = try GGUFWordRules.named(source.pre ?? "default", source.field("pre", file))
        // Rules that spell the bytes themselves leave characters to the model.
        let spellsBytes = !rules.steps.contains { if case .spellBytes = $0 { true } else { false } }
        return TokenizerDefinition(
            normalizers: rules.composes ? [.canonical(.composed)] : [],
            preTokenizer: PreTokenizer(steps: rules.steps),
            model: BytePairModel(
                spellings: vocabulary.spellings, ids: vocabulary.ids, merges: merges.table,
                ignoresMerges: rules.ignoresMerges,
                byteSymbols: spellsBytes ? ByteAlphabet.spellings.map { vocabulary.id(of: $0) ?? -1 } : nil,
                fallback: BytePairModel.Fallback(byteTokens: nil, unknown: nil, fusesUnknown: false)),
            decoder: TokenDecoder(
                steps: [.spell, .readUTF8], tokens: vocabulary.tokens, isSpecial: vocabulary.isSpecial),
            added: vocabulary.added)
    }

    /// SentencePiece's byte pairs over characters: of all neighbours those merge first which are the token of the
    /// highest score, and of these the leftmost.
    private static func sentencePieces(
        _ source: GGUFVocabulary, _ vocabulary: TokenVocabulary, _ file: String
    ) throws -> TokenizerDefinition {
        guard let scores = source.scores else { throw source.field("scores", file).error("is missing") }
        guard !source.removesExtraWhitespace else {
            throw source.field("remove_extra_whitespaces", file).error("is true, which is not supported")
        }
        guard !source.hasCharacterMap else {
            throw source.field("precompiled_charsmap", file).error("is there, which is not supported")
        }
        let merges = MergeList(scores: scores, of: vocabulary) { id in
            guard let type = source.types?[id] else { return true }
            return type == TokenType.normal.rawValue || type == TokenType.userDefined.rawValue
        }
        let mark = Array("\u{2581}".utf8)
        let spells: [Normalizer] = [.replace([0x20], by: mark)]
        let addsPrefix = source.addsSpacePrefix ?? true
        let decoding: [TokenDecoder.Step] = [.replace(mark, by: [0x20]), .byteFallback, .fuse]
        return TokenizerDefinition(
            normalizers: addsPrefix ? [.prepend(mark)] + spells : spells,
            preTokenizer: PreTokenizer(safeBoundary: merges.safeBoundary),
            model: BytePairModel(
                spellings: vocabulary.spellings, ids: vocabulary.ids, merges: merges.table, ignoresMerges: false,
                byteSymbols: nil,
                fallback: BytePairModel.Fallback(
                    byteTokens: ByteAlphabet.byteTokenNames.map { vocabulary.id(of: $0) ?? -1 },
                    unknown: source.roles["unknown"].map { Int32($0) }, fusesUnknown: true)),
            decoder: TokenDecoder(
                steps: addsPrefix ? decoding + [.strip([0x20], start: 1, stop: 0)] : decoding,
                tokens: vocabulary.tokens, isSpecial: vocabulary.isSpecial),
            added: vocabulary.added)
    }
}
