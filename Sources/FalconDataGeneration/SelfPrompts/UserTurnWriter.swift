import FalconDecoding
import FalconTokenizer
import Foundation

/// Lets the target write a user's turn: an aligned model that is given only its template's beginning of a user's turn
/// goes on as a user would (Magpie, Xu et al. 2024).
struct UserTurnWriter: Sendable {
    let options: SelfPromptOptions
    private let encoder: DialogueEncoder
    private let endTokens: Set<Int32>

    /// - Parameter endTokens: of the model; they end a user's turn as well.
    init(_ options: SelfPromptOptions, _ encoder: DialogueEncoder, endTokens: Set<Int32>) {
        (self.options, self.encoder, self.endTokens) = (options, encoder, endTokens)
    }

    init(_ options: SelfPromptOptions, _ source: FeatureSource) {
        let ends = AnswerEnds(
            configured: source.model.configuration.eosTokens, template: source.encoder.dialogues.template,
            tokenizer: source.tokenizer)
        self.init(options, source.encoder.dialogues, endTokens: ends.tokens)
    }

    /// What stands before each dialogue's first turn.
    var preface: [ChatMessage] { options.system.map { [ChatMessage(role: .system, content: $0)] } ?? [] }

    /// The first turn of a dialogue.
    ///
    /// - Throws: `TokenizerError` where the template does not let the target write one, or leaves out what `--system`
    ///   says; `DialogueRefusal` where it has no form for it.
    func first(limit: Int) throws -> UserTurnDraft {
        if let system = options.system?.trimmingCharacters(in: .whitespacesAndNewlines), !system.isEmpty {
            guard try encoder.template.userTurnFrame(after: preface).before.contains(system) else {
                throw TokenizerError(
                    "--system", "has no effect: the chat template (\(encoder.template.origin)) leaves its text out")
            }
        }
        guard let draft = try draft(after: preface, limit: limit) else {
            throw TokenizerError(
                "--max-length", "leaves no room for a user's turn behind what the chat template writes before it")
        }
        return draft
    }

    /// A user's turn after some messages; `nil` where there is no room for one and an answer.
    ///
    /// - Parameter limit: the most tokens of the whole dialogue.
    func draft(after messages: [ChatMessage], limit: Int) throws -> UserTurnDraft? {
        let frame = try encoder.template.userTurnFrame(after: messages)
        // A space before the words is part of their first token.
        let before = String(frame.before.reversed().drop { $0 == " " }.reversed())
        let prompt = encoder.tokenizer.encode(before)
        let room = min(options.maxTokens, limit - prompt.count - 2)
        guard room > 0, !prompt.isEmpty else { return nil }
        var (ends, marker) = (endTokens, frame.end.split(whereSeparator: \.isNewline).first.map(String.init))
        if let first = encoder.tokenizer.encode(frame.end).first, encoder.tokenizer.isSpecial(first) {
            ends.insert(first)
            marker = nil
        }
        return UserTurnDraft(
            prompt: prompt, stop: StopRule(endTokens: ends, maximumTokens: room), sampling: options.sampling,
            marker: marker, tokenizer: encoder.tokenizer)
    }
}

/// A user's turn in the making.
struct UserTurnDraft: Sendable {
    let prompt: [Int32]
    let stop: StopRule
    let sampling: SamplingRule
    /// The words that end the turn, where no token does.
    let marker: String?
    let tokenizer: Tokenizer
    private(set) var tokens: [Int32] = []

    func request(stream: String) -> DecodingEngine.Request {
        var request = DecodingEngine.Request(prompt: prompt, stop: stop, sampling: sampling, stream: stream)
        request.isContinued = false
        return request
    }

    /// Takes new tokens; `true` where the words that end the turn are among them.
    mutating func append(_ new: [Int32]) -> Bool {
        tokens += new
        guard let marker else { return false }
        let tail = tokens.suffix(new.count + marker.utf8.count + 1)
        return tokenizer.decode(Array(tail), skippingSpecial: false).contains(marker)
    }

    /// The user's words, or what is wrong with them.
    func cleaned(_ detector: LoopDetector = LoopDetector()) -> Result<String, UserTurnFault> {
        var words = tokens
        var hasEnded = false
        if let last = words.last, stop.endTokens.contains(last) {
            words.removeLast()
            hasEnded = true
        }
        if words.contains(where: tokenizer.isSpecial) { return .failure(.controlTokens) }
        var text = tokenizer.decode(words, skippingSpecial: false)
        if let marker, let range = text.range(of: marker) {
            text = String(text[..<range.lowerBound])
            hasEnded = true
        }
        guard hasEnded else { return .failure(.cut) }
        text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard text.contains(where: { $0.isLetter || $0.isNumber }) else { return .failure(.empty) }
        if text.unicodeScalars.contains("\u{FFFD}") { return .failure(.brokenText) }
        if detector.loops(words) { return .failure(.loops) }
        return .success(text)
    }

    /// What two turns have in common that say the same: case, punctuation and spaces do not count.
    static func normalForm(_ text: String) -> String {
        text.lowercased().split { !($0.isLetter || $0.isNumber) }.joined(separator: " ")
    }
}

/// Why a user's turn that the target wrote is dropped.
enum UserTurnFault: String, Error, CaseIterable, Sendable {
    case empty, cut, loops, duplicate
    case controlTokens = "control_tokens"
    case brokenText = "broken_text"

    /// For a person.
    var words: String {
        switch self {
        case .empty: "empty"
        case .cut: "not ended within the limit"
        case .loops: "repeating themselves"
        case .duplicate: "duplicates"
        case .controlTokens: "with control tokens"
        case .brokenText: "with broken characters"
        }
    }
}
