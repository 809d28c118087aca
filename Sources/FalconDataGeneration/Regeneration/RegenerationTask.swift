import FalconDecoding
import FalconJSON
import FalconTensor
import FalconTokenizer

/// A dialogue that the target answers turn by turn, each answer part of the next prompt. What is stored are the tokens
/// that it generated, not its text made into tokens again.
struct RegenerationTask: DecodingTask {
    private enum State {
        /// The question of this number is next.
        case turn(Int)
        case answering(Int, EncodedDialogue)
        /// The target writes the question of this number.
        case asking(Int, UserTurnDraft)
        case ended
    }

    private let dialogue: Dialogue
    private let regenerator: Regenerator
    private let prompt: PromptDialogue?
    private var turns: [String]
    private var messages: [ChatMessage]
    private var history = AnswerHistory()
    private var answered: Conversation?
    private var state = State.turn(0)
    /// Why the dialogue is left out, where nothing of it is answered.
    private var reason = "nobody asks anything"
    /// Why it ends before the last of the turns that the target was to ask itself.
    private var fault: UserTurnFault?

    init(_ dialogue: Dialogue, _ regenerator: Regenerator) {
        (self.dialogue, self.regenerator) = (dialogue, regenerator)
        prompt = try? PromptDialogue(dialogue)
        (turns, messages) = (prompt?.turns ?? [], prompt?.preface ?? [])
    }

    mutating func next() throws -> DecodingStep<RegeneratedDialogue> {
        while case .turn(let number) = state {
            if number < turns.count {
                if let request = answer(number) { return .decode(request) }
            } else if let request = question(number) {
                return .decode(request)
            } else {
                state = .ended
            }
        }
        return .done(outcome)
    }

    /// The answer to a question; `nil` where there can be none, and the dialogue ends before it.
    private mutating func answer(_ number: Int) -> DecodingEngine.Request? {
        let (source, variables) = (regenerator.source, prompt?.variables ?? .init())
        messages.append(ChatMessage(role: .user, content: turns[number]))
        let encoded: EncodedDialogue
        do {
            history.ask(try source.encoder.dialogues.template.prompt(messages, variables))
            encoded = try source.encoder.dialogues.encodePrompt(messages, variables, isLearned: history.isKept)
        } catch {
            end(before: (error as? DialogueRefusal)?.kind ?? "the template has no form for it")
            return nil
        }
        let room = min(regenerator.maxNewTokens, source.encoder.maxLength - encoded.ids.count)
        guard room > 0 else {
            end(before: "its question leaves no room for an answer")
            return nil
        }
        state = .answering(number, encoded)
        var request = DecodingEngine.Request(
            prompt: encoded.ids, stop: StopRule(endTokens: regenerator.endTokens, maximumTokens: room),
            sampling: regenerator.sampling, stream: "\(dialogue.id) answer \(number)")
        request.isContinued = number + 1 < max(turns.count, regenerator.writer?.options.turns ?? 0)
        return request
    }

    /// The next question in the target's own words, where it is to ask more.
    private mutating func question(_ number: Int) -> DecodingEngine.Request? {
        guard let writer = regenerator.writer, number > 0, number < writer.options.turns,
            let draft = try? writer.draft(after: messages, limit: regenerator.source.encoder.maxLength)
        else { return nil }
        state = .asking(number, draft)
        var request = draft.request(stream: "\(dialogue.id) question \(number)")
        // Its answer's prompt begins as its own does.
        request.isContinued = true
        return request
    }

    private mutating func end(before reason: String) {
        messages.removeLast()
        self.reason = reason
        state = .ended
    }

    mutating func receive(_ pass: DecodedPass) throws -> Bool {
        guard case .asking(let number, var draft) = state else { return false }
        defer { state = .asking(number, draft) }
        return draft.append(pass.tokens)
    }

    mutating func take(_ text: DecodingEngine.FinishedText?) {
        switch state {
        case .answering(let number, let encoded):
            guard let text else { return state = .ended }
            take(text.text.tokens, text.features, number, encoded)
        case .asking(let number, let draft):
            switch draft.cleaned() {
            case .success(let words):
                turns.append(words)
                state = .turn(number)
            case .failure(let fault):
                self.fault = fault
                state = .ended
            }
        case .turn, .ended: break
        }
    }

    private mutating func take(_ tokens: [Int32], _ features: Tensor?, _ number: Int, _ encoded: EncodedDialogue) {
        let isWhole = tokens.last.map(regenerator.endTokens.contains) ?? false
        let answer = regenerator.source.tokenizer.decode(tokens, skippingSpecial: true)
        history.answer(answer, message: messages.count)
        messages.append(ChatMessage(role: .assistant, content: answer))
        let all = encoded.ids + tokens
        answered = Conversation(
            id: dialogue.id, tokens: all, lossMask: encoded.lossMask + [UInt8](repeating: 1, count: tokens.count),
            isTruncated: !isWhole, features: features?.rowCount == all.count ? features : nil)
        // What would follow an answer that was cut is nothing that the target would say.
        state = isWhole ? .turn(number + 1) : .ended
    }

    private var outcome: RegeneratedDialogue {
        guard let answered else {
            return RegeneratedDialogue(id: dialogue.id, result: .failure(.skipped(reason)))
        }
        return RegeneratedDialogue(
            id: dialogue.id, messages: messages, variables: prompt?.variables ?? .init(), fault: fault,
            result: .success(answered))
    }
}

/// What became of a dialogue.
struct RegeneratedDialogue {
    let id: String
    /// With the target's answers.
    var messages: [ChatMessage] = []
    /// What the row gives its template besides them.
    var variables = JSONObject()
    /// Why the target's own questions end early, where they do.
    var fault: UserTurnFault?
    /// `isTruncated` where the last answer was cut.
    var result: Result<Conversation, Rejection>
}
