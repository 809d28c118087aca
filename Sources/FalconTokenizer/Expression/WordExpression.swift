/// A regular expression by which a tokenizer cuts or changes text.
struct WordExpression: Sendable, Equatable {
    /// As written in the tokenizer's file.
    let source: String
    private let program: ExpressionProgram

    /// - Throws: `ExpressionParser.Failure` for an expression that is wrong or has something not supported.
    init(_ source: String) throws(ExpressionParser.Failure) {
        self.source = source
        program = try ExpressionProgram(ExpressionParser.parse(source))
    }

    /// The expression of a text itself.
    init(text: String) throws(ExpressionParser.Failure) {
        source = text
        program = try ExpressionProgram(
            .sequence(text.unicodeScalars.map { .set(ScalarSet(ranges: [$0.value...$0.value])) }))
    }

    /// `\w+|[^\w\s]+` with the word characters of Rust, by which Hugging Face tokenizers cuts at white space.
    static func words() throws(ExpressionParser.Failure) -> WordExpression {
        let joiners: [ClosedRange<UInt32>] = [0x200c...0x200d]
        let word = ExpressionNode.set(ScalarSet(ranges: joiners, traits: .word))
        let other = ExpressionNode.set(ScalarSet(ranges: joiners, traits: [.word, .space], isNegated: true))
        let runs = [word, other].map { ExpressionNode.repeated($0, least: 1, most: nil, .greedy) }
        return WordExpression(source: #"\w+|[^\w\s]+"#, program: try ExpressionProgram(.choice(runs)))
    }

    private init(source: String, program: ExpressionProgram) {
        self.source = source
        self.program = program
    }

    static func == (left: WordExpression, right: WordExpression) -> Bool {
        left.source.utf8.elementsEqual(right.source.utf8)
    }

    /// Calls `body` with each match in `bytes[range]` in order; none overlaps another, and none is empty right after
    /// the one before.
    func forEachMatch(in bytes: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
        var matcher = ExpressionMatcher(program)
        var position = range.lowerBound
        var lastEnd: Int?
        while position <= range.upperBound {
            let end = matcher.matchEnd(bytes, range, at: position)
            if let end, end > position || end != lastEnd {
                body(position..<end)
                lastEnd = end
                if end > position {
                    position = end
                    continue
                }
                // An empty match; the next may start here still, but is not empty.
            }
            guard position < range.upperBound else { break }
            position += UTF8Scalar.length(lead: bytes[position])
        }
    }

    /// Calls `body` with each match and each stretch between matches, all of `bytes[range]` in order; an empty match
    /// is one too.
    func forEachPiece(of bytes: [UInt8], _ range: Range<Int>, _ body: (_ piece: Range<Int>, _ isMatch: Bool) -> Void) {
        var done = range.lowerBound
        forEachMatch(in: bytes, range) { match in
            if match.lowerBound > done { body(done..<match.lowerBound, false) }
            body(match, true)
            done = match.upperBound
        }
        if done < range.upperBound { body(done..<range.upperBound, false) }
    }
}
