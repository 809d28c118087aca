internal import FalconDecoding
internal import FalconTokenizer

/// A text while it is decoded: tokens to text, stop texts, and counts. Of the model's thread.
struct TextStream {
    private var decoder: StreamingDecoder
    private let stops: StopTexts
    private let request: TextRequest
    private let clock: SecondsClock
    private let start: Double

    /// Tokens whose text may still turn out to belong to a stop, and its bytes.
    private var pending: [GeneratedText.Token] = []
    private var bytes: [UInt8] = []

    /// Whether a stop text has ended it.
    private(set) var isStopped = false
    private var tokenCount = 0
    private var passes = 0
    private var accepted = 0
    private var rejected = 0
    private var firstToken: Double?

    init(_ request: TextRequest, _ tokenizer: Tokenizer, clock: @escaping SecondsClock) {
        decoder = StreamingDecoder(tokenizer, skippingSpecial: true)
        stops = StopTexts(request.options.stop)
        (self.request, self.clock, start) = (request, clock, request.submitted)
    }

    /// Takes in what a pass added; what is certain of it now, if anything is.
    ///
    /// - Parameter scores: of the pass's tokens, where they are wanted.
    mutating func append(_ pass: DecodedPass, scores: [TokenScore] = []) -> GeneratedText? {
        guard !isStopped else { return nil }
        if firstToken == nil { firstToken = clock() } else { passes += 1 }
        var drafted = 0
        for (index, id) in pass.tokens.enumerated() {
            let depth = index < pass.drafted ? index + 1 : 0
            pending.append(
                .init(
                    id: Int(id), text: decoder.append(id), draftDepth: depth,
                    score: index < scores.count ? scores[index] : nil))
            let known = bytes.count
            bytes += pending[pending.count - 1].text.utf8
            tokenCount += 1
            if depth > 0 { drafted += 1 }
            if case .end(let end) = stops.find(in: bytes, known: known) {
                accepted += drafted
                return stop(at: end)
            }
        }
        accepted += drafted
        rejected += max(0, pass.treeDepth - pass.drafted)
        guard case .safe(let count) = stops.find(in: bytes, known: bytes.count) else { return nil }
        return release(count)
    }

    /// Ends it: what was held back, and what it took.
    ///
    /// - Parameter reason: why decoding ended; of no meaning where a stop text did before.
    mutating func finish(_ reason: FinishReason) -> (rest: GeneratedText?, summary: GenerationSummary) {
        var rest: GeneratedText?
        if !isStopped {
            // Bytes of a character that never became whole.
            let tail = decoder.finish()
            let count = bytes.count
            bytes += tail.utf8
            switch stops.find(in: bytes, known: count) {
            case .safe: rest = GeneratedText(tokens: pending, tail: tail)
            case .end(let end) where end > count:
                isStopped = true
                rest = GeneratedText(tokens: pending, tail: String(decoding: bytes[count..<end], as: UTF8.self))
            case .end(let end): rest = stop(at: end)
            }
            if rest?.text.isEmpty == true, rest?.tokens.isEmpty == true { rest = nil }
        }
        let reason = isStopped ? .stopText : reason
        let now = clock()
        let summary = GenerationSummary(
            finishReason: reason, promptTokens: request.prompt.count, generatedTokens: tokenCount,
            acceptedDraftTokens: accepted, rejectedDraftTokens: rejected, targetPasses: passes,
            secondsToFirstToken: (firstToken ?? now) - start, seconds: now - start)
        return (rest, summary)
    }

    /// Lets tokens go that end within the first `count` bytes.
    private mutating func release(_ count: Int) -> GeneratedText? {
        var (tokens, end) = (0, 0)
        while tokens < pending.count, end + pending[tokens].text.utf8.count <= count {
            end += pending[tokens].text.utf8.count
            tokens += 1
        }
        guard tokens > 0 else { return nil }
        defer {
            pending.removeFirst(tokens)
            bytes.removeFirst(end)
        }
        return GeneratedText(tokens: Array(pending.prefix(tokens)))
    }

    /// Ends the text before a byte of what is held back: the token that has it keeps the text before.
    private mutating func stop(at end: Int) -> GeneratedText? {
        isStopped = true
        var (kept, start) = ([GeneratedText.Token](), 0)
        for token in pending {
            let count = token.text.utf8.count
            if start + count <= end, start < end {
                kept.append(token)
            } else if start < end {
                let text = String(decoding: bytes[start..<end], as: UTF8.self)
                kept.append(.init(id: token.id, text: text, draftDepth: token.draftDepth, score: token.score))
            }
            start += count
        }
        let dropped = pending.dropFirst(kept.count)
        tokenCount -= dropped.count
        accepted -= dropped.count { $0.draftDepth > 0 }
        pending = []
        bytes = []
        return kept.isEmpty ? nil : GeneratedText(tokens: kept)
    }
}
