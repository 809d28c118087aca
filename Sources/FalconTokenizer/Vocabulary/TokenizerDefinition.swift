/// The parts of a tokenizer that do not change, and the path of a text through them:
///
///     text -> added tokens | text between -> normalisers -> normalised added tokens | text between
///          -> pre-tokenizer -> words -> byte-pair model -> tokens
struct TokenizerDefinition: Sendable {
    let normalizers: [Normalizer]
    let preTokenizer: PreTokenizer
    let model: BytePairModel
    let decoder: TokenDecoder
    let added: [(id: Int32, token: AddedToken)]
    private let plainMatcher: AddedTokenMatcher
    private let normalizedMatcher: AddedTokenMatcher

    init(
        normalizers: [Normalizer], preTokenizer: PreTokenizer, model: BytePairModel, decoder: TokenDecoder,
        added: [(id: Int32, token: AddedToken)]
    ) {
        self.normalizers = normalizers
        self.preTokenizer = preTokenizer
        self.model = model
        self.decoder = decoder
        self.added = added
        plainMatcher = AddedTokenMatcher(
            added.filter { !$0.token.isNormalized }.map { id, token in
                AddedTokenMatcher.Entry(content: Array(token.content.utf8), id: id, token: token)
            })
        normalizedMatcher = AddedTokenMatcher(
            added.filter(\.token.isNormalized).map { id, token in
                AddedTokenMatcher.Entry(content: Self.normalized(token.content, normalizers), id: id, token: token)
            })
    }

    private static func normalized(_ text: String, _ normalizers: [Normalizer]) -> [UInt8] {
        let content = Array(text.utf8)
        var text = AlignedText(content, 0..<content.count, tracksOrigins: false)
        for normalizer in normalizers { normalizer.apply(to: &text) }
        return Array(text.bytes[text.range])
    }

    /// What a decoder has to know of each id: its spelling, that of an added token being normalised where it is looked
    /// for in normalised text, and whether it may be left out, which Hugging Face tokenizers decides by that spelling.
    ///
    /// - Throws: `TokenizerError` where nothing is left of an added token, which would then be found everywhere.
    static func spellings(
        of vocabulary: TokenVocabulary, _ normalizers: [Normalizer]
    ) throws -> (tokens: [String?], isSpecial: [Bool]) {
        var tokens = vocabulary.tokens
        var isSpecial = vocabulary.isSpecial
        for (id, token) in vocabulary.added where token.isNormalized {
            let content = normalized(token.content, normalizers)
            guard !content.isEmpty else {
                throw vocabulary.error("of the added token '\(token.content)' the normalizer leaves nothing")
            }
            if !content.elementsEqual(token.content.utf8) {
                tokens[Int(id)] = String(decoding: content, as: UTF8.self)
                isSpecial[Int(id)] = vocabulary.isSpecial(spelling: content)
            }
        }
        return (tokens, isSpecial)
    }

    /// Calls `body` with each token of `bytes`, which must be UTF-8, and the bytes it comes from, in order.
    func forEachToken(
        of bytes: [UInt8], tracksOrigins: Bool, _ cache: inout WordCache,
        _ body: (_ id: Int32, _ span: Range<Int>) -> Void
    ) {
        plainMatcher.forEachStretch(of: bytes, 0..<bytes.count) { range, id in
            if let id {
                body(id, range)
                return
            }
            var text = AlignedText(bytes, range, tracksOrigins: tracksOrigins)
            for normalizer in normalizers { normalizer.apply(to: &text) }
            normalizedMatcher.forEachStretch(of: text.bytes, text.range) { part, id in
                if let id {
                    body(id, text.origin(of: part))
                } else {
                    encode(AlignedText(text, part), &cache, body)
                }
            }
        }
    }

    private func encode(
        _ piece: AlignedText, _ cache: inout WordCache, _ body: (_ id: Int32, _ span: Range<Int>) -> Void
    ) {
        preTokenizer.forEachWord(of: piece) { text, word in
            var start = word.lowerBound
            cache.forEachToken(of: text.bytes, word, model) { id, length in
                body(id, text.origin(of: start..<start + length))
                start += length
            }
        }
    }
}
