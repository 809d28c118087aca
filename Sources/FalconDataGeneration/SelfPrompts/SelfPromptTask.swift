import FalconDecoding

/// One attempt at a dialogue's first turn.
struct SelfPromptTask: DecodingTask {
    private var draft: UserTurnDraft
    private let attempt: Int
    private var isDone = false

    init(_ draft: UserTurnDraft, attempt: Int) { (self.draft, self.attempt) = (draft, attempt) }

    mutating func next() -> DecodingStep<SelfPromptAttempt> {
        isDone ? .done(SelfPromptAttempt(draft)) : .decode(draft.request(stream: "self-prompt \(attempt)"))
    }

    mutating func receive(_ pass: DecodedPass) -> Bool { draft.append(pass.tokens) }

    mutating func take(_ text: DecodingEngine.FinishedText?) { isDone = true }
}

/// What the target wrote as a user's turn.
struct SelfPromptAttempt: Equatable {
    let text: String
    let fault: UserTurnFault?
    /// Tokens that were decoded for it.
    let tokens: Int

    init(text: String, fault: UserTurnFault?, tokens: Int) {
        (self.text, self.fault, self.tokens) = (text, fault, tokens)
    }

    init(_ draft: UserTurnDraft) {
        tokens = draft.tokens.count
        switch draft.cleaned() {
        case .success(let words): (text, fault) = (words, nil)
        case .failure(let fault):
            (text, self.fault) = (draft.tokenizer.decode(draft.tokens, skippingSpecial: false), fault)
        }
    }
}
