import FalconJSON
import FalconTemplates
import Foundation

/// A dialogue as tokens, and which of them a draft head learns from.
package struct EncodedDialogue: Sendable, Equatable {
    package let ids: [Int32]
    /// As long as `ids`: 1 for each token that has a part in what the assistant says and is to be learned.
    package let lossMask: [UInt8]
    /// Answers that are learned from.
    package let learnedAnswers: Int
    /// How many of them end with no special token.
    package let unendedAnswers: Int
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

    /// - Throws: `DialogueRefusal` for a dialogue that the template has no form for, or whose answers it does not
    ///   tell apart.
    package func encode(_ dialogue: Dialogue) throws -> EncodedDialogue {
        if let tokenized = dialogue.tokenized {
            return EncodedDialogue(
                ids: tokenized.ids, lossMask: tokenized.lossMask,
                learnedAnswers: tokenized.lossMask.contains(1) ? 1 : 0,
                unendedAnswers: 0, unlearned: [])
        }
        return try encode(dialogue.messages, dialogue.variables)
    }

    /// The tokens that the assistant's next answer follows, with its earlier answers marked.
    ///
    /// - Parameter isLearned: which answers are to be learned, by their place among the messages.
    /// - Throws: `DialogueRefusal` as `encode` does.
    package func encodePrompt(
        _ messages: [ChatMessage], _ variables: JSONObject, isLearned: (Int) -> Bool
    ) throws -> EncodedDialogue {
        try encode(messages, variables, addGenerationPrompt: true, isLearned: isLearned)
    }

    private func encode(
        _ messages: [ChatMessage], _ variables: JSONObject, addGenerationPrompt: Bool = false,
        isLearned: (Int) -> Bool = { _ in true }
    ) throws -> EncodedDialogue {
        let chat = try template.supervised(messages, variables, addGenerationPrompt: addGenerationPrompt)
        let spans: [AssistantSpan]
        switch chat.spans {
        case .known(let known): spans = known
        // The answer that is to come can be learned from all the same.
        case .unknown where addGenerationPrompt: spans = []
        case .unknown(let reason):
            throw DialogueRefusal(
                kind: "its answers cannot be told apart: \(reason)",
                description: "the answers cannot be told apart: \(reason)")
        }
        var unlearned: Set<RowRemark> = []
        var learned: [AssistantSpan] = []
        for span in spans where messages.indices.contains(span.message) {
            guard isLearned(span.message) else { continue }
            if let reason = reasonNotToLearn(messages[span.message], as: chat.text.utf8, span) {
                unlearned.insert(reason)
            } else {
                learned.append(span)
            }
        }
        let (ids, mask) = tokenizer.encode(chat.text, marking: learned.map(\.supervised))
        return EncodedDialogue(
            ids: ids, lossMask: mask, learnedAnswers: learned.count,
            unendedAnswers: learned.count { !isEnded($0, of: chat.text) }, unlearned: unlearned)
    }

    /// The tokens that the assistant's next answer follows.
    ///
    /// - Throws: `DialogueRefusal` for messages that the template has no form for.
    package func prompt(_ messages: [ChatMessage], _ variables: JSONObject = JSONObject()) throws -> [Int32] {
        tokenizer.encode(try template.prompt(messages, variables))
    }

    private func isEnded(_ span: AssistantSpan, of text: String) -> Bool {
        let bytes = Array(text.utf8)[span.range]
        if template.endsOfTurn.contains(where: { bytes.reversed().starts(with: $0.utf8.reversed()) }) { return true }
        let tail = String(decoding: bytes.suffix(64), as: UTF8.self)
        return tokenizer.encode(tail).last.map(tokenizer.isSpecial) ?? false
    }

    private func reasonNotToLearn(
        _ answer: ChatMessage, as text: String.UTF8View, _ span: AssistantSpan
    ) -> RowRemark? {
        if let reason = reasonNotToLearn(answer) { return reason }
        guard let thought = answer.thought, template.writesThoughts || answer.content.contains("</think>") else {
            return nil
        }
        let said = String(decoding: Array(text)[span.range], as: UTF8.self)
        return said.contains(thought.trimmingCharacters(in: .whitespacesAndNewlines)) ? nil : .lostThoughts
    }

    private func reasonNotToLearn(_ answer: ChatMessage) -> RowRemark? {
        if !answer.isLearned { return .weightZero }
        if answer.isEmpty { return .emptyAnswer }
        // Without its calls, what the template writes is not what the model said.
        if !answer.toolCalls.isEmpty, !template.writesToolCalls { return .loneCall }
        return nil
    }

    /// What the dialogue says and the template does not write.
    package func remarks(on dialogue: Dialogue) -> [RowRemark] {
        guard dialogue.tokenized == nil else { return [] }
        var remarks: [RowRemark] = []
        if dialogue.messages.contains(where: { $0.thought != nil }),
            (try? encode(dialogue))?.unlearned.contains(.lostThoughts) == true
        {
            remarks.append(.lostThoughts)
        }
        let (messages, variables) = (dialogue.messages, dialogue.variables)
        // A tool's name only repeats what the call says.
        let named = messages.filter { $0.role != "tool" }
        let members = Set(named.flatMap(\.fields.keys)).subtracting(DialogueEncoder.written)
        let roles = Set(messages.map(\.role)).subtracting([.user, .assistant])
        guard !members.isEmpty || !roles.isEmpty || variables.count > 0,
            let text = template.text(messages, variables)
        else { return remarks }
        for member in members.sorted() {
            let without = messages.map { message in
                var fields = message.fields
                fields[member] = nil
                return ChatMessage(fields)
            }
            if template.text(without, variables) == text { remarks.append(.lostMember(member)) }
        }
        for key in variables.keys {
            var without = variables
            without[key] = nil
            if template.text(messages, without) == text { remarks.append(.lostMember(key)) }
        }
        for role in roles.sorted(by: { $0.name < $1.name }) {
            let without = messages.filter { $0.role != role }
            if template.text(without, variables) == text { remarks.append(.lostRole(role.name)) }
        }
        if messages.contains(where: { reasonNotToLearn($0) == .loneCall }) { remarks.append(.loneCall) }
        return remarks
    }

    /// Members that every template writes, or that only tie a call to its answer.
    private static let written: Set<String> = ["role", "content", "tool_call_id", "id"]
}

extension Tokenizer {
    /// The tokens of a text, with 1 for each that has a part in one of the spans and 0 for the others.
    ///
    /// - Parameter marked: ranges of UTF-8 bytes, ascending.
    package func encode(_ text: String, marking marked: [Range<Int>]) -> (ids: [Int32], mask: [UInt8]) {
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
