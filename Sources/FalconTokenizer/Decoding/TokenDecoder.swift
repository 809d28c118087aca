/// How a tokenizer turns tokens back into text.
struct TokenDecoder: Sendable {
    enum Kind: Sendable {
        /// Tokens spell raw bytes; bytes that are not UTF-8 become U+FFFD.
        case byteLevel
        /// Tokens are text; runs of byte tokens "<0xE6>" become characters where they are UTF-8, else U+FFFD each.
        case text(byteFallback: Bool)
        /// No decoder: tokens are joined by spaces.
        case spaced
    }

    /// What a token contributes.
    enum Piece: Sendable {
        case text([UInt8])
        case byte(UInt8)
        /// An id without a token.
        case nothing
    }

    let kind: Kind
    /// Up to this many of `stripped` are left out at the very start of the text.
    let strippedCount: Int
    let stripped: [UInt8]
    /// By id.
    let pieces: [Piece]
    /// What each token spells where it comes first, by id, for decoders that treat the first token differently.
    let firstPieces: [Int32: [UInt8]]
    let isSpecial: [Bool]

    /// Reads "<0xE6>"; `nil` for any other text.
    static func byte(of token: String) -> UInt8? {
        let bytes = Array(token.utf8)
        guard bytes.count == 6, bytes.starts(with: Array("<0x".utf8)), bytes[5] == UInt8(ascii: ">") else { return nil }
        guard bytes[3...4].allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else { return nil }
        return UInt8(String(decoding: bytes[3...4], as: UTF8.self), radix: 16)
    }
}
