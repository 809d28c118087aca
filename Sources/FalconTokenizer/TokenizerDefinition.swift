/// The parts of a tokenizer that do not change, and the path of a text through them:
///
///     text -> added tokens | text between -> normalisers -> normalised added tokens | text between
///          -> pre-tokenizer -> words -> byte-pair model -> tokens
struct TokenizerDefinition: Sendable {
    let normalizers: [Normalizer]
    let preTokenizer: PreTokenizer
    let model: BytePairModel
    let decoder: TokenDecoder
    let added: [AddedToken]
    private let plainMatcher: AddedTokenMatcher
    private let normalizedMatcher: AddedTokenMatcher

    init(
        normalizers: [Normalizer], preTokenizer: PreTokenizer, model: BytePairModel, decoder: TokenDecoder,
        added: [AddedToken]
    ) {
        self.normalizers = normalizers
        self.preTokenizer = preTokenizer
        self.model = model
        self.decoder = decoder
        self.added = added
        plainMatcher = AddedTokenMatcher(
            added.filter { !$0.isNormalized }.map { (Array($0.content.utf8), $0) })
        normalizedMatcher = AddedTokenMatcher(
            added.filter(\.isNormalized).map { token in
                let content = Array(token.content.utf8)
                var text = AlignedText(content, 0..<content.count, tracksOrigins: false)
                for normalizer in normalizers { normalizer.apply(to: &text) }
                return (Array(text.bytes[text.range]), token)
            })
    }

    /// Calls `body` with each token of `bytes`, which must be UTF-8, and the bytes it comes from, in order.
    func forEachToken(
        of bytes: [UInt8], tracksOrigins: Bool, _ cache: inout WordCache,
        _ body: (_ id: Int32, _ span: Range<Int>) -> Void
    ) {
        plainMatcher.forEachStretch(of: bytes, 0..<bytes.count) { range, token in
            if let token {
                body(token.id, range)
                return
            }
            var text = AlignedText(bytes, range, tracksOrigins: tracksOrigins)
            for normalizer in normalizers { normalizer.apply(to: &text) }
            normalizedMatcher.forEachStretch(of: text.bytes, text.range) { part, token in
                if let token {
                    body(token.id, text.origin(of: part))
                } else {
                    encode(AlignedText(text, part), &cache, body)
                }
            }
        }
    }

    private func encode(
        _ piece: AlignedText, _ cache: inout WordCache, _ body: (_ id: Int32, _ span: Range<Int>) -> Void
    ) {
        var text = piece
        preTokenizer.prepare(&text)
        preTokenizer.forEachWord(of: text) { word in
            var start = word.lowerBound
            cache.forEachToken(of: text.bytes, word, model) { id, length in
                body(id, text.origin(of: start..<start + length))
                start += length
            }
        }
    }
}
