import FalconTensor
import FalconTokenizer

/// A piece of an answer's text as one token brought it, and who proposed the token.
package struct AnswerPiece: Equatable, Sendable {
    package let text: String
    /// The accepted node's depth in its pass's tree; 0 for a token of the target's own.
    package let depth: Int

    /// The pieces of a whole answer, special tokens left out. Together they are its text; none ends inside a character.
    ///
    /// - Parameter limit: the most tokens to take.
    package static func pieces(of decoded: DecodedText, _ tokenizer: Tokenizer, limit: Int = .max) -> [AnswerPiece] {
        var stream = Stream(tokenizer)
        var pieces: [AnswerPiece] = []
        var left = limit
        let first = DecodedPass(tokens: Array(decoded.tokens.prefix(1)), path: [], drafted: 0, treeDepth: 0)
        for pass in [first] + decoded.passes where left > 0 {
            pieces += stream.append(pass).prefix(left)
            left -= pass.tokens.count
        }
        return pieces + stream.finish()
    }

    /// Turns passes into pieces as they come.
    package struct Stream {
        private var decoder: StreamingDecoder

        package init(_ tokenizer: Tokenizer) {
            decoder = StreamingDecoder(tokenizer, skippingSpecial: true)
        }

        /// A character that several tokens make comes with the last of them.
        package mutating func append(_ pass: DecodedPass) -> [AnswerPiece] {
            pass.tokens.enumerated().compactMap { index, token in
                let text = decoder.append(token)
                return text.isEmpty ? nil : AnswerPiece(text: text, depth: index < pass.drafted ? index + 1 : 0)
            }
        }

        /// What was waiting for more tokens.
        package mutating func finish() -> [AnswerPiece] {
            let text = decoder.finish()
            return text.isEmpty ? [] : [AnswerPiece(text: text, depth: 0)]
        }
    }

    /// The text for a terminal without colours.
    package var visibleText: String { VisibleText.shown(text, keepsLines: true) }

    /// The text for a terminal: a drafted token in the colour of its depth, one of the target's own as it is. Control
    /// characters are written out, so that no answer can change the terminal.
    package var terminalText: String {
        let clean = visibleText
        guard depth > 0, !clean.isEmpty else { return clean }
        let colours = [32, 36, 34, 35, 33, 31, 92, 96, 94, 95, 93, 91]
        return "\u{1b}[\(colours[(depth - 1) % colours.count])m\(clean)\u{1b}[0m"
    }
}
