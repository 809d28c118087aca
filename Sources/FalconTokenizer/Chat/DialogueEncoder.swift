/// A dialogue as tokens, and which of them a draft head learns from.
package struct EncodedDialogue: Sendable, Equatable {
    package let ids: [Int32]
    /// As long as `ids`: 1 for each token that has a part in what the assistant says and is to be learned.
    package let lossMask: [UInt8]
    /// Answers that are learned from.
    package let learnedAnswers: Int
    /// Why answers are not learned from, where some are not.
    package let unlearned: Set<RowRemark>
}

/// Dialogues to tokens and loss masks: what `falcon-gen-data` trains on and what `falcon-inspect masks` shows.
package struct DialogueEncoder: Sendable {
    package let template: ChatTemplate
    package let tokenizer: Tokenizer

    package init(_ template: ChatTemplate, _ tokenizer: Tokenizer) {
        (self.template, self.tokenizer) = (template, tokenizer)
    }

    /// - Throws: `TokenizerError` for a dialogue that the template has no form for.
    package func encode(_ dialogue: Dialogue) throws -> EncodedDialogue {
        if let tokenized = dialogue.tokenized {
            return EncodedDialogue(
                ids: tokenized.ids, lossMask: tokenized.lossMask,
                learnedAnswers: tokenized.lossMask.contains(1) ? 1 : 0,
                unlearned: [])
        }
        let chat = try template.render(dialogue.messages)
        let answers = dialogue.messages.filter { $0.role == .assistant }
        guard chat.assistantSpans.count == answers.count else {
            throw TokenizerError("template", "does not tell its answers apart")
        }
        var unlearned: Set<RowRemark> = []
        let learned = zip(chat.assistantSpans, answers).filter { _, answer in
            let reason = DialogueEncoder.reasonNotToLearn(answer)
            if let reason { unlearned.insert(reason) }
            return reason == nil
        }
        let (ids, mask) = tokenizer.encode(chat.text, marking: learned.map(\.0))
        return EncodedDialogue(ids: ids, lossMask: mask, learnedAnswers: learned.count, unlearned: unlearned)
    }

    private static func reasonNotToLearn(_ answer: ChatMessage) -> RowRemark? {
        if !answer.isLearned { return .weightZero }
        if answer.isEmpty { return .emptyAnswer }
        // The template writes none of its calls, so what it writes is not what the model said.
        if !answer.toolCalls.isEmpty, answer.content.allSatisfy(\.isWhitespace) { return .loneCall }
        return nil
    }

    /// What the dialogue says and the template does not write.
    package func remarks(on dialogue: Dialogue) -> [RowRemark] {
        guard dialogue.tokenized == nil else { return [] }
        var lost: [String] = dialogue.variables.keys
        for message in dialogue.messages {
            lost += message.fields.keys.filter { !["role", "content", "tool_call_id", "id"].contains($0) }
        }
        var remarks = Set(lost).sorted().map { RowRemark.lostMember($0) }
        if dialogue.messages.contains(where: { DialogueEncoder.reasonNotToLearn($0) == .loneCall }) {
            remarks.append(.loneCall)
        }
        return remarks
    }
}

extension Tokenizer {
    /// The tokens of a text, with 1 for each that has a part in one of the spans and 0 for the others.
    ///
    /// - Parameter marked: ranges of UTF-8 bytes, ascending.
    func encode(_ text: String, marking marked: [Range<Int>]) -> (ids: [Int32], mask: [UInt8]) {
        let (ids, spans) = encodeWithSpans(text)
        var mask = [UInt8](repeating: 0, count: ids.count)
        var next = 0
        for (index, span) in spans.enumerated() {
            while next < marked.count, marked[next].upperBound <= span.lowerBound { next += 1 }
            guard next < marked.count else { break }
            if marked[next].overlaps(span) { mask[index] = 1 }
        }
        return (ids, mask)
    }
}
