import FalconTensor
import FalconTokenizer

/// A piece of an answer's text as one token brought it, and who proposed the token.
package struct AnswerPiece: Equatable, Sendable {
    package let text: String
    /// The accepted node's depth in its pass's tree; 0 for a token of the target's own.
    package let depth: Int

    /// The pieces of a whole answer, special tokens left out. Together they are its text; none ends inside a character.
    ///
    /// - Parameters:
    ///   - limit: the most tokens to take.
    ///   - bytes: the most bytes of text, where the answer ends before its last token does.
    package static func pieces(
        of decoded: DecodedText, _ tokenizer: Tokenizer, limit: Int = .max, bytes: Int = .max
    ) -> [AnswerPiece] {
        var stream = Stream(tokenizer)
        var pieces: [AnswerPiece] = []
        var left = limit
        let first = DecodedPass(tokens: Array(decoded.tokens.prefix(1)), path: [], drafted: 0, treeDepth: 0)
        for pass in [first] + decoded.passes where left > 0 {
            pieces += stream.append(pass).prefix(left)
            left -= pass.tokens.count
        }
        return AnswerPiece.prefix(of: pieces + stream.finish(), bytes: bytes, cutsLast: true)
    }

    /// The pieces that lie within so many bytes of text.
    ///
    /// - Parameter cutsLast: whether the one that goes on behind them is cut, not left out.
    private static func prefix(of pieces: [AnswerPiece], bytes: Int, cutsLast: Bool) -> [AnswerPiece] {
        var (taken, left) = ([AnswerPiece](), bytes)
        for piece in pieces where left > 0 {
            let count = piece.text.utf8.count
            if count <= left {
                taken.append(piece)
            } else if cutsLast {
                taken.append(
                    AnswerPiece(text: String(decoding: piece.text.utf8.prefix(left), as: UTF8.self), depth: piece.depth)
                )
            }
            left -= count
        }
        return taken
    }

    /// Turns passes into pieces as they come.
    package struct Stream {
        private var decoder: StreamingDecoder
        private let stops: StopTexts
        /// What may turn out to belong to a stop.
        private var held: [AnswerPiece] = []
        private var isStopped = false

        /// - Parameter stops: texts that the answer ends before.
        package init(_ tokenizer: Tokenizer, stops: StopTexts? = nil) {
            decoder = StreamingDecoder(tokenizer, skippingSpecial: true)
            self.stops = stops ?? StopTexts([])
        }

        /// A character that several tokens make comes with the last of them.
        package mutating func append(_ pass: DecodedPass) -> [AnswerPiece] {
            let new = pass.tokens.enumerated().compactMap { index, token -> AnswerPiece? in
                let text = decoder.append(token)
                return text.isEmpty ? nil : AnswerPiece(text: text, depth: index < pass.drafted ? index + 1 : 0)
            }
            return release(adding: new)
        }

        /// What was waiting for more tokens.
        package mutating func finish() -> [AnswerPiece] {
            let text = decoder.finish()
            let rest = release(adding: text.isEmpty ? [] : [AnswerPiece(text: text, depth: 0)])
            defer { held = [] }
            return isStopped ? rest : rest + held
        }

        private mutating func release(adding new: [AnswerPiece]) -> [AnswerPiece] {
            guard !isStopped else { return [] }
            let known = held.reduce(0) { $0 + $1.text.utf8.count }
            held += new
            let end: Int
            switch stops.find(in: held.flatMap { Array($0.text.utf8) }, known: known) {
            case .safe(let count): end = count
            case .end(let place): (end, isStopped) = (place, true)
            }
            let released = AnswerPiece.prefix(of: held, bytes: end, cutsLast: isStopped)
            held = isStopped ? [] : Array(held.dropFirst(released.count))
            return released
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
