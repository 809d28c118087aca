/// Decodes tokens one at a time, as they are generated.
///
/// The texts returned by `append` and `finish`, one after another, are exactly what decoding all tokens at once
/// gives, and none of them ends inside a character: bytes of an unfinished one wait for the next token.
package struct StreamingDecoder {
    private let decoder: TokenDecoder
    private let skippingSpecial: Bool
    private var stages: [DecoderStage]

    package init(_ tokenizer: Tokenizer, skippingSpecial: Bool) {
        self.init(tokenizer.decoder, skippingSpecial: skippingSpecial)
    }

    init(_ decoder: TokenDecoder, skippingSpecial: Bool) {
        self.decoder = decoder
        self.skippingSpecial = skippingSpecial
        stages = decoder.stages()
    }

    /// Adds a token. Ids outside the vocabulary give nothing.
    ///
    /// - Returns: the text that is certain now, possibly empty.
    package mutating func append(_ id: Int32) -> String {
        guard id >= 0, Int(id) < decoder.pieces.count, !(skippingSpecial && decoder.isSpecial[Int(id)]),
            let piece = decoder.pieces[Int(id)]
        else { return "" }
        var text: [UInt8] = []
        push(piece, to: 0, &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// The text that was waiting for more tokens. Afterwards the decoder is as new.
    package mutating func finish() -> String {
        var text: [UInt8] = []
        for stage in stages.indices {
            for rest in stages[stage].finish() { push(rest, to: stage + 1, &text) }
        }
        stages = decoder.stages()
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func push(_ bytes: [UInt8], to stage: Int, _ text: inout [UInt8]) {
        guard stage < stages.count else {
            text.append(contentsOf: bytes)
            return
        }
        for result in stages[stage].push(bytes) { push(result, to: stage + 1, &text) }
    }
}
