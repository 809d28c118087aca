import FalconTokenizer

/// Ends an answer as soon as its tokens spell one of some texts (`--stop`).
///
/// The token that completes the text is the answer's last one, as an end token is; the answer's words end before the
/// text. What was drafted behind it does not count, so that an answer is the same with and without a draft head.
package struct TextualStop: Sendable {
    package let texts: StopTexts
    private let tokenizer: Tokenizer

    /// - Parameter texts: at least one, none empty.
    package init(_ texts: [String], _ tokenizer: Tokenizer) {
        (self.texts, self.tokenizer) = (StopTexts(texts), tokenizer)
    }

    /// How many of the `new` tokens there are up to the one that completes a stop; `nil` where none does.
    ///
    /// - Parameter tokens: the answer's before them, which complete none.
    func end(of new: [Int32], after tokens: [Int32]) -> Int? {
        guard !new.isEmpty else { return nil }
        let before = tail(of: tokens)
        let known = bytes(before).count
        for count in 1...new.count {
            // What stands for the bytes of a half character changes when the rest of it comes.
            let text = bytes(before + new.prefix(count))
            if case .end = texts.find(in: text, known: max(0, known - 12)) { return count }
        }
        return nil
    }

    /// Whether an answer ends with a token that completes a stop.
    func isCompleted(by tokens: [Int32]) -> Bool {
        tokens.last.map { end(of: [$0], after: tokens.dropLast()) != nil } ?? false
    }

    /// An answer's words, without a stop and what follows it.
    func cut(_ text: String) -> String {
        let bytes = Array(text.utf8)
        guard case .end(let end) = texts.find(in: bytes) else { return text }
        return String(decoding: bytes[..<end], as: UTF8.self)
    }

    /// As many of the last tokens as a stop can begin in.
    private func tail(of tokens: [Int32]) -> [Int32] {
        // A few more: the first ones may be a part of a character, and lose a space.
        var count = texts.longest + 8
        while count < tokens.count, bytes(Array(tokens.suffix(count))).count < texts.longest + 8 { count *= 2 }
        return tokens.suffix(count)
    }

    private func bytes(_ tokens: [Int32]) -> [UInt8] { Array(tokenizer.decode(tokens, skippingSpecial: true).utf8) }
}
