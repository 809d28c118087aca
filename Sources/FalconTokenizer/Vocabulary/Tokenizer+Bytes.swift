extension Tokenizer {
    /// The tokens that stand for one byte each, by which any text can be written; ascending, fewer than 256 where the
    /// vocabulary lacks some.
    package var byteTokens: [Int32] {
        let fallback = ByteAlphabet.byteTokenNames.compactMap { id(of: String(decoding: $0, as: UTF8.self)) }
        let spelled = fallback.isEmpty ? ByteAlphabet.scalars.compactMap { id(of: String($0)) } : fallback
        return Set(spelled).sorted()
    }
}
