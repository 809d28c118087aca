import Foundation

/// Continues prompts, one at a time.
package protocol TextDecoder {
    /// Continues a prompt until the rule stops it or the model's context is full.
    ///
    /// - Parameters:
    ///   - prompt: at least one token.
    ///   - receive: gets the tokens of the text as they come, a pass's at a time; may throw to stop the work.
    /// - Throws: `DecodingError` for a prompt that does not fit, and whatever `receive` throws.
    func decode(_ prompt: [Int32], stop: StopRule, receive: (DecodedPass) throws -> Void) throws -> DecodedText
}

extension TextDecoder {
    package func decode(_ prompt: [Int32], stop: StopRule) throws -> DecodedText {
        try decode(prompt, stop: stop) { _ in }
    }
}

/// Where the time of decoding went.
package struct PhaseSeconds: Codable, Equatable, Sendable {
    /// The target's pass over the prompt.
    package var prefill = 0.0
    /// The draft head's passes and the ranking of its candidates.
    package var draft = 0.0
    /// The target's passes over trees, and its choices.
    package var verify = 0.0
    /// Choosing the path and keeping its keys and values.
    package var commit = 0.0
    /// From the prompt to the last token.
    package var total = 0.0

    package init() {}

    package mutating func add(_ other: PhaseSeconds) {
        prefill += other.prefill
        draft += other.draft
        verify += other.verify
        commit += other.commit
        total += other.total
    }

    /// Runs `work` and adds the seconds it took to a phase.
    mutating func measure<Result>(
        _ phase: WritableKeyPath<PhaseSeconds, Double>, _ clock: () -> Double, _ work: () throws -> Result
    ) rethrows -> Result {
        let start = clock()
        defer { self[keyPath: phase] += clock() - start }
        return try work()
    }
}

/// Seconds on a steady clock; handed to whatever measures.
package typealias SecondsClock = @Sendable () -> Double

/// The system's own steady clock.
package let systemSeconds: SecondsClock = { ProcessInfo.processInfo.systemUptime }

/// Why there is nothing to decode.
package enum DecodingError: Error, Equatable, CustomStringConvertible {
    case emptyPrompt
    case promptTooLong(tokens: Int, context: Int)
    case noTurn(dialogue: String)
    case noPrompts(path: String)
    case noQuestionFile(name: String, candidates: [String])
    case noStoredAnswer(path: String)

    package var description: String {
        switch self {
        case .emptyPrompt: "the prompt is empty: give at least one word"
        case .promptTooLong(let tokens, let context):
            "the prompt has \(tokens) tokens, the target's context ends at \(context): shorten it"
        case .noTurn(let dialogue): "dialogue '\(dialogue)' has no user turn: nothing to answer"
        case .noPrompts(let path): "\(path): holds no dialogue with a user turn: nothing to answer"
        case .noQuestionFile(let name, let candidates):
            "no question file for \(name): looked for \(candidates.joined(separator: ", ")); put it there, set "
                + "FALCON_DATASETS to the folder that holds it, or give its path"
        case .noStoredAnswer(let path):
            "\(path): holds no answer, no token that its loss mask marks: nothing to replay"
        }
    }

    /// The rule, made stricter where the context ends before it: the last token must have a position in it.
    static func limited(_ stop: StopRule, prompt: [Int32], context: Int) throws -> StopRule {
        guard !prompt.isEmpty else { throw emptyPrompt }
        guard prompt.count < context else { throw promptTooLong(tokens: prompt.count, context: context) }
        return StopRule(
            endTokens: stop.endTokens, maximumTokens: min(stop.maximumTokens, context - prompt.count),
            textual: stop.textual)
    }
}
