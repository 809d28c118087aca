/// What ends an answer: the model's own end tokens and the one that its template writes behind an answer.
package struct AnswerEnds: Sendable {
    package let tokens: Set<Int32>
    /// What a user should know, a line each.
    package let notes: [String]

    /// - Parameter configured: of `config.json` and `generation_config.json`.
    package init(configured: [Int32], template: ChatTemplate, tokenizer: Tokenizer) {
        var tokens = Set(configured)
        var notes: [String] = []
        if let text = template.endOfTurn, let end = tokenizer.id(of: text) {
            if tokens.insert(end).inserted {
                notes.append(
                    "answers also end at \(text) (\(end)), with which the template ends them; it is no eos_token_id of "
                        + "the model")
            }
        } else if tokens.isEmpty {
            notes.append(
                "the model has no end token: no eos_token_id, and none in its template; answers end at their greatest "
                    + "length")
        } else if let text = template.endOfTurn {
            notes.append("the template ends answers with \(text.debugDescription), which is not one token of the model")
        }
        (self.tokens, self.notes) = (tokens, notes)
    }
}
