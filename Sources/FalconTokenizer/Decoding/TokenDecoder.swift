/// How a tokenizer turns tokens back into text: the spelling of each goes through the steps in order.
struct TokenDecoder: Sendable {
    /// One entry of a `decoder` section, with the meaning that Hugging Face tokenizers give it.
    enum Step: Sendable, Equatable {
        case replace([UInt8], by: [UInt8])
        /// Runs of tokens like "<0xE6>" become characters where they are UTF-8, else U+FFFD each.
        case byteFallback
        /// The tokens become one.
        case fuse
        /// Up to `start` of a character are left out at the start of each token, and `stop` at its end.
        case strip([UInt8], start: Int, stop: Int)
        /// A mark becomes a space; in the first token it is left out where `dropsInFirst`.
        case metaspace([UInt8], dropsInFirst: Bool)
        /// Tokens spell raw bytes in GPT-2's alphabet; a token with another character stands for itself.
        case spell
        /// Raw bytes become one text: what is not UTF-8 becomes U+FFFD.
        case readUTF8
        /// No decoder: tokens are joined by spaces.
        case space
    }

    let steps: [Step]
    /// What each token contributes to the first of `steps`, by id; `nil` for an id without a token.
    let pieces: [[UInt8]?]
    let isSpecial: [Bool]

    /// - Parameter steps: those of the file. The first ones that treat each token by itself are done here and now.
    init(steps: [Step], tokens: [String?], isSpecial: [Bool]) {
        var pieces = tokens.map { token in token.map { Array($0.utf8) } }
        var rest = steps[...]
        while let step = rest.first, var stage = DecoderStage(step, receivesText: false), stage.isMemoryless {
            for id in pieces.indices {
                if let piece = pieces[id] { pieces[id] = stage.push(piece).first ?? [] }
            }
            rest = rest.dropFirst()
        }
        self.steps = Array(rest)
        self.pieces = pieces
        self.isSpecial = isSpecial
    }

    /// The steps with their memory empty.
    func stages() -> [DecoderStage] {
        var receivesText = false
        return steps.compactMap { step in
            defer { if step == .fuse || step == .readUTF8 { receivesText = true } }
            return DecoderStage(step, receivesText: receivesText)
        }
    }

    /// Reads "<0xE6>"; `nil` for any other text.
    static func byte(of token: [UInt8]) -> UInt8? {
        guard token.count == 6, token.starts(with: Array("<0x".utf8)), token[5] == UInt8(ascii: ">") else { return nil }
        // As Rust reads a number: the first digit may be a plus.
        let digits = token[3] == UInt8(ascii: "+") ? token[4...4] : token[3...4]
        guard digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else { return nil }
        return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
