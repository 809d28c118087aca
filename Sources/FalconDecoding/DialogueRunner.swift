import FalconTokenizer

/// One answered turn of a dialogue.
package struct AnsweredTurn: Sendable {
    package let promptTokens: Int
    package let decoded: DecodedText
    /// The answer as text, without special tokens.
    package let text: String
    /// The same prompt decoded plainly, where that was asked for.
    package internal(set) var baseline: DecodedText?
    /// Whether the answer goes round in a cycle.
    package let loops: Bool
    /// Why it ended; `nil` for a stored answer.
    package var finish: FinishReason?

    /// Positions where speculative and plain decoding differ, lengths included; 0 without a baseline.
    package var mismatchedTokens: Int {
        guard let baseline else { return 0 }
        let common = zip(decoded.tokens, baseline.tokens)
        return common.count { $0 != $1 } + abs(decoded.tokens.count - baseline.tokens.count)
    }
}

/// A dialogue with the model's own answers.
package struct AnsweredDialogue: Sendable {
    package let prompt: PromptDialogue
    package internal(set) var turns: [AnsweredTurn]
    /// Why the rest of the turns was left out, where it was.
    package let problem: (any Error)?
    /// What stopped the work within this dialogue; the turns before it are whole.
    package var stopped: (any Error)?
}

/// Asks the turns of dialogues one after the other; each answer becomes part of the next turn's prompt.
package struct DialogueRunner {
    private let tokenizer: Tokenizer
    let encoder: DialogueEncoder
    private let decoder: any TextDecoder
    private let baseline: (any TextDecoder)?
    let stop: StopRule
    /// The most tokens of prompt and answer.
    let context: Int
    private let detector: LoopDetector

    /// - Parameters:
    ///   - decoder: what is measured.
    ///   - baseline: plain decoding by the same model, run on every prompt for comparison; `nil` leaves it out.
    package init(
        tokenizer: Tokenizer, template: ChatTemplate, decoder: any TextDecoder, baseline: (any TextDecoder)?,
        stop: StopRule, context: Int = .max, detector: LoopDetector = LoopDetector()
    ) {
        self.tokenizer = tokenizer
        encoder = DialogueEncoder(template, tokenizer)
        self.decoder = decoder
        self.baseline = baseline
        (self.stop, self.context) = (stop, context)
        self.detector = detector
    }

    /// Answers a dialogue's turns, up to the first whose prompt the template cannot render or the context cannot hold.
    ///
    /// - Parameter receive: gets each turn's text as it comes; may throw to stop the work, within a turn, which is then
    ///   left out. The turns before it are kept, and the error stands in the result.
    package func answer(
        _ dialogue: PromptDialogue, receive: (_ turn: Int, _ pieces: [AnswerPiece]) throws -> Void = { _, _ in }
    ) -> AnsweredDialogue {
        var messages = dialogue.preface
        var turns: [AnsweredTurn] = []
        for (number, turn) in dialogue.turns.enumerated() {
            messages.append(ChatMessage(role: .user, content: turn))
            do {
                let prompt = try encoder.prompt(messages, dialogue.variables)
                let answered = try answer(prompt) { try receive(number, $0) }
                messages.append(ChatMessage(role: .assistant, content: answered.text))
                turns.append(answered)
            } catch let problem as DecodingError {
                return AnsweredDialogue(prompt: dialogue, turns: turns, problem: problem)
            } catch let problem as DialogueRefusal {
                return AnsweredDialogue(prompt: dialogue, turns: turns, problem: problem)
            } catch {
                return AnsweredDialogue(prompt: dialogue, turns: turns, problem: nil, stopped: error)
            }
        }
        return AnsweredDialogue(prompt: dialogue, turns: turns, problem: nil)
    }

    /// Decodes a few tokens that nobody counts, so that the first measured prompt does not pay for first touches of
    /// memory.
    package func warmUp(_ dialogue: PromptDialogue) throws {
        guard let prompt = prompt(of: dialogue) else { return }
        let few = StopRule(endTokens: [], maximumTokens: min(8, stop.maximumTokens))
        for decoder in [decoder, baseline].compactMap({ $0 }) {
            do { _ = try decoder.decode(prompt, stop: few) } catch is DecodingError {}
        }
    }

    /// The first turns' tokens of some dialogues, evenly spaced over all of them.
    package func prompts(of dialogues: [PromptDialogue], count: Int) -> [[Int32]] {
        let step = max(1, dialogues.count / max(1, count))
        return stride(from: 0, to: dialogues.count, by: step).prefix(count).compactMap { prompt(of: dialogues[$0]) }
    }

    /// The tokens of a dialogue's first turn; `nil` where the template cannot render it.
    private func prompt(of dialogue: PromptDialogue) -> [Int32]? {
        let messages = dialogue.preface + [ChatMessage(role: .user, content: dialogue.turns[0])]
        return try? encoder.prompt(messages, dialogue.variables)
    }

    private func answer(_ prompt: [Int32], receive: ([AnswerPiece]) throws -> Void) throws -> AnsweredTurn {
        var stream = AnswerPiece.Stream(tokenizer, stops: stop.textual?.texts)
        let decoded = try decoder.decode(prompt, stop: stop) { try receive(stream.append($0)) }
        try receive(stream.finish())
        // Without a word to tell, but it must be possible to stop here, too.
        var plain = try baseline?.decode(prompt, stop: stop) { _ in try receive([]) }
        plain?.forgetLooks()
        return turn(prompt, decoded, baseline: plain)
    }

    /// A turn of what was decoded for it.
    func turn(_ prompt: [Int32], _ decoded: DecodedText, baseline: DecodedText? = nil) -> AnsweredTurn {
        var decoded = decoded
        decoded.forgetLooks()
        let text = tokenizer.decode(decoded.tokens, skippingSpecial: true)
        return AnsweredTurn(
            promptTokens: prompt.count, decoded: decoded, text: stop.textual?.cut(text) ?? text, baseline: baseline,
            loops: detector.loops(decoded.tokens), finish: FinishReason(decoded.tokens, stop: stop))
    }
}
