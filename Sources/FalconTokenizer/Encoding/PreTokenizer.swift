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

    /// Applied in order, each to the words of the one before.
    var patterns: [WordPattern] = []
    /// Whether a piece that does not start with a space gets one (GPT-2's `add_prefix_space`).
    var addsPrefixSpace = false
    var metaspace: Metaspace?
    /// A character that in no token follows another one: then text may be cut before each run of it without any
    /// effect on the tokens, which makes words short and the cache of use.
    var safeBoundary: [UInt8]?

    /// Spells the piece as the vocabulary does.
    func prepare(_ text: inout AlignedText) {
        if addsPrefixSpace, !text.starts(with: [0x20]) { text.prepend([0x20]) }
        guard let metaspace else { return }
        text.replace([0x20], by: metaspace.replacement)
        guard !text.starts(with: metaspace.replacement) else { return }
        switch metaspace.prepending {
        case .always: text.prepend(metaspace.replacement)
        case .first: if text.isAtStart { text.prepend(metaspace.replacement) }
        case .never: break
        }
    }

    /// Calls `body` with each word of a prepared piece, in order.
    func forEachWord(of text: AlignedText, _ body: (Range<Int>) -> Void) {
        if let metaspace, metaspace.splits {
            cut(text.bytes, text.range, before: metaspace.replacement, runs: false, body)
        } else if let pattern = patterns.first {
            scan(text.bytes, text.range, pattern, patterns.dropFirst(), body)
        } else if let safeBoundary {
            cut(text.bytes, text.range, before: safeBoundary, runs: true, body)
        } else if !text.range.isEmpty {
            body(text.range)
        }
    }

    private func scan(
        _ bytes: [UInt8], _ range: Range<Int>, _ pattern: WordPattern, _ further: ArraySlice<WordPattern>,
        _ body: (Range<Int>) -> Void
    ) {
        var start = range.lowerBound
        while start < range.upperBound {
            let end = pattern.wordEnd(bytes, from: start, to: range.upperBound)
            if let next = further.first {
                scan(bytes, start..<end, next, further.dropFirst(), body)
            } else {
                body(start..<end)
            }
            start = end
        }
    }

    /// Cuts before each `mark`, or before each run of them.
    private func cut(
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
