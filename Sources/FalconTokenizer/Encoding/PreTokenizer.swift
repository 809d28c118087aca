/// How a tokenizer cuts normalised text into words, which are then encoded one by one.
struct PreTokenizer: Sendable {
    /// SentencePiece's spelling of spaces as U+2581.
    struct Metaspace: Sendable {
        enum Prepending: Sendable { case first, always, never }

        let replacement: [UInt8]
        let prepending: Prepending
        /// Whether each replacement starts a new word; otherwise the whole piece is one.
        let splits: Bool
    }

    /// What becomes of the matches of an expression, which cut a text.
    enum Behavior: String, Sendable {
        /// Each is a word of its own.
        case isolated = "Isolated"
        /// They are left out.
        case removed = "Removed"
        /// Neighbouring ones are one word.
        case contiguous = "Contiguous"
        /// Each ends the word before it.
        case mergedWithPrevious = "MergedWithPrevious"
        /// Each begins the word after it.
        case mergedWithNext = "MergedWithNext"
    }

    /// Done to each word of the step before.
    enum Step: Sendable {
        /// Cuts by a pattern whose matches cover the text.
        case words(WordPattern)
        /// Cuts at the matches of an expression, or where inverted at what lies between them.
        case split(WordExpression, Behavior, isInverted: Bool)
        case metaspace(Metaspace)
        /// Gives a word that does not start with a space one (GPT-2's `add_prefix_space`).
        case prefixSpace
        /// Spells the bytes in GPT-2's alphabet, where later steps or the vocabulary want them so.
        case spellBytes
    }

    var steps: [Step] = []
    /// A character that in no token follows another one: then text may be cut before each run of it without any
    /// effect on the tokens, which makes words short and the cache of use.
    var safeBoundary: [UInt8]?

    /// Calls `body` with each word of a piece in order: a part of the text given with it.
    func forEachWord(of text: AlignedText, _ body: (AlignedText, Range<Int>) -> Void) {
        if steps.isEmpty, let safeBoundary {
            Self.cut(text.bytes, text.range, before: safeBoundary, runs: true) { body(text, $0) }
        } else {
            run(0, text, text.range, body)
        }
    }

    private func run(
        _ step: Int, _ text: AlignedText, _ range: Range<Int>, _ body: (AlignedText, Range<Int>) -> Void
    ) {
        if range.isEmpty { return }
        guard step < steps.count else {
            body(text, range)
            return
        }
        switch steps[step] {
        case .words(let pattern):
            let isLast = step + 1 == steps.count
            var start = range.lowerBound
            while start < range.upperBound {
                let end = pattern.wordEnd(text.bytes, from: start, to: range.upperBound)
                if isLast { body(text, start..<end) } else { run(step + 1, text, start..<end, body) }
                start = end
            }
        case .split(let expression, let behavior, let isInverted):
            for word in Self.words(of: text.bytes, range, expression, behavior, isInverted) {
                run(step + 1, text, word, body)
            }
        case .metaspace(let metaspace):
            var piece = AlignedText(text, range)
            metaspace.apply(to: &piece)
            if metaspace.splits {
                Self.cut(piece.bytes, piece.range, before: metaspace.replacement, runs: false) {
                    run(step + 1, piece, $0, body)
                }
            } else {
                run(step + 1, piece, piece.range, body)
            }
        case .prefixSpace:
            if text.bytes[range.lowerBound] == 0x20 {
                run(step + 1, text, range, body)
            } else {
                var piece = AlignedText(text, range)
                piece.prepend([0x20])
                run(step + 1, piece, piece.range, body)
            }
        case .spellBytes:
            var piece = AlignedText(text, range)
            piece.spellBytes()
            run(step + 1, piece, piece.range, body)
        }
    }

    /// The words that the matches of an expression cut a text into.
    private static func words(
        of bytes: [UInt8], _ range: Range<Int>, _ expression: WordExpression, _ behavior: Behavior, _ isInverted: Bool
    ) -> [Range<Int>] {
        var words: [Range<Int>] = []
        var afterMatch = false
        // For `mergedWithNext`, which Hugging Face tokenizers reads from the end.
        var pieces: [(piece: Range<Int>, isMatch: Bool)] = []
        expression.forEachPiece(of: bytes, range) { piece, isFound in
            let isMatch = isFound != isInverted
            switch behavior {
            case .isolated: words.append(piece)
            case .removed: if !isMatch { words.append(piece) }
            case .contiguous, .mergedWithPrevious:
                let joins = behavior == .contiguous ? isMatch == afterMatch : isMatch && !afterMatch
                if joins, let last = words.last {
                    words[words.count - 1] = last.lowerBound..<piece.upperBound
                } else {
                    words.append(piece)
                }
            case .mergedWithNext: pieces.append((piece, isMatch))
            }
            afterMatch = isMatch
        }
        afterMatch = false
        for (piece, isMatch) in pieces.reversed() {
            if isMatch, !afterMatch, let next = words.last {
                words[words.count - 1] = piece.lowerBound..<next.upperBound
            } else {
                words.append(piece)
            }
            afterMatch = isMatch
        }
        return behavior == .mergedWithNext ? words.reversed() : words
    }

    /// Cuts before each `mark`, or before each run of them.
    private static func cut(
        _ bytes: [UInt8], _ range: Range<Int>, before mark: [UInt8], runs: Bool, _ body: (Range<Int>) -> Void
    ) {
        var start = range.lowerBound
        var position = start
        var afterMark = false
        while position < range.upperBound {
            let isMark =
                bytes[position] == mark[0] && position + mark.count <= range.upperBound
                && bytes[position..<position + mark.count].elementsEqual(mark)
            if isMark, position > start, !(runs && afterMark) {
                body(start..<position)
                start = position
            }
            afterMark = isMark
            position += isMark ? mark.count : 1
        }
        if start < range.upperBound { body(start..<range.upperBound) }
    }
}

extension PreTokenizer.Metaspace {
    /// Spells the spaces of a piece, and the one before it.
    fileprivate func apply(to piece: inout AlignedText) {
        piece.replace([0x20], by: replacement)
        guard !piece.starts(with: replacement) else { return }
        switch prepending {
        case .always: piece.prepend(replacement)
        case .first: if piece.isAtStart { piece.prepend(replacement) }
        case .never: break
        }
    }
}
