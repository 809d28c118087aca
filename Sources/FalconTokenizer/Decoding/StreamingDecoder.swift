/// Decodes tokens one at a time, as they are generated.
///
/// The texts returned by `append` and `finish`, one after another, are exactly what decoding all tokens at once
/// gives, and none of them ends inside a character: bytes of an unfinished one wait for the next token.
package struct StreamingDecoder {
    private let decoder: TokenDecoder
    private let skippingSpecial: Bool
    private var pending: [UInt8] = []
    private var strippable: Int
    private var isFirst = true

    package init(_ tokenizer: Tokenizer, skippingSpecial: Bool) {
        self.init(tokenizer.decoder, skippingSpecial: skippingSpecial)
    }

    init(_ decoder: TokenDecoder, skippingSpecial: Bool) {
        self.decoder = decoder
        self.skippingSpecial = skippingSpecial
        strippable = decoder.strippedCount
    }

    /// Adds a token. Ids outside the vocabulary give nothing.
    ///
    /// - Returns: the text that is certain now, possibly empty.
    package mutating func append(_ id: Int32) -> String {
        guard id >= 0, Int(id) < decoder.pieces.count, !(skippingSpecial && decoder.isSpecial[Int(id)]) else {
            return ""
        }
        var piece = decoder.pieces[Int(id)]
        if case .nothing = piece { return "" }
        if isFirst, let first = decoder.firstPieces[id] { piece = .text(first) }
        defer { isFirst = false }
        switch (decoder.kind, piece) {
        case (_, .nothing): return ""
        case (.byteLevel, .text(let bytes)):
            pending.append(contentsOf: bytes)
            return takeWholeCharacters()
        case (_, .byte(let byte)):
            pending.append(byte)
            return ""
        case (.text, .text(let bytes)):
            return strip(takeByteRun() + bytes)
        case (.spaced, .text(let bytes)):
            return String(decoding: (isFirst ? [] : [0x20]) + bytes, as: UTF8.self)
        }
    }

    /// The text that was waiting for more tokens. Afterwards the decoder is as new.
    package mutating func finish() -> String {
        var rest = ""
        switch decoder.kind {
        case .byteLevel: rest = String(decoding: pending, as: UTF8.self)
        case .text: rest = strip(takeByteRun())
        case .spaced: break
        }
        self = StreamingDecoder(decoder, skippingSpecial: skippingSpecial)
        return rest
    }

    /// All but a trailing sequence that more bytes could complete.
    private mutating func takeWholeCharacters() -> String {
        var whole = pending.count
        // The last lead byte is among the last three bytes, or the end is not an unfinished character.
        for back in 1...3 where back <= pending.count {
            let byte = pending[pending.count - back]
            if byte & 0xc0 == 0x80 { continue }
            if byte >= 0xc2, byte < 0xf5, UTF8Scalar.length(lead: byte) > back, couldContinue(back) {
                whole = pending.count - back
            }
            break
        }
        let text = String(decoding: pending[..<whole], as: UTF8.self)
        pending.removeFirst(whole)
        return text
    }

    /// Whether the last `count` bytes start a well-formed character: some second bytes are never allowed.
    private func couldContinue(_ count: Int) -> Bool {
        guard count > 1 else { return true }
        let second = pending[pending.count - count + 1]
        return switch pending[pending.count - count] {
        case 0xe0: second >= 0xa0
        case 0xed: second < 0xa0
        case 0xf0: second >= 0x90
        case 0xf4: second < 0x90
        default: true
        }
    }

    /// The run of byte tokens before a text token: a character for well-formed UTF-8, else U+FFFD for every byte.
    private mutating func takeByteRun() -> [UInt8] {
        defer { pending.removeAll(keepingCapacity: true) }
        if pending.isEmpty || String(validating: pending, as: UTF8.self) != nil { return pending }
        return pending.flatMap { _ in Array("\u{fffd}".utf8) }
    }

    private mutating func strip(_ bytes: [UInt8]) -> String {
        var rest = bytes[...]
        while strippable > 0, !rest.isEmpty {
            if rest.starts(with: decoder.stripped) {
                rest = rest.dropFirst(decoder.stripped.count)
                strippable -= 1
            } else {
                strippable = 0
            }
        }
        return String(decoding: rest, as: UTF8.self)
    }
}
