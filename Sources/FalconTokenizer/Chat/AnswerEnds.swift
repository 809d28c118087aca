/// What ends an answer: the model's own end tokens and the one that its template writes behind an answer.
package struct AnswerEnds: Sendable {
    package let tokens: Set<Int32>
    /// What a user should know, a line each.
    package let notes: [String]

    /// - Parameter configured: of `config.json` and `generation_config.json`.
    package init(configured: [Int32], template: ChatTemplate, tokenizer: Tokenizer) {
        var tokens = Set(configured)
        var notes: [String] = []
        if let end = tokenizer.id(of: template.endOfTurn) {
            if tokens.insert(end).inserted {
                notes.append(
                    "answers also end at \(template.endOfTurn) (\(end)), with which the template ends them; it is no "
                        + "eos_token_id of the model")
            }
        } else if tokens.isEmpty {
            notes.append(
                "the model has no end token: no eos_token_id, and its template's \(template.endOfTurn) is none")
        } else {
            notes.append("the template ends answers with \(template.endOfTurn), which is not one token of the model")
        }
        (self.tokens, self.notes) = (tokens, notes)
    }
}
