import Falcon
import FalconJSON

/// An answer that is being generated, and how it is told: whole, or in events of a stream.
package struct Completion: Sendable {
    /// Which endpoint it answers.
    package enum Kind: Sendable {
        case chat, text
    }

    /// One of its answers.
    package struct Choice: Sendable {
        let index: Int
        let generation: AsyncThrowingStream<Generation, any Error>
    }

    let kind: Kind
    let id: String
    let created: Int
    let model: String
    let promptTokens: Int
    let includesUsage: Bool
    let tellsDraftDepths: Bool
    /// Tells tokens with what the model thinks of them; `nil` where nobody asked.
    let scored: ScoredTokens?
    let choices: [Choice]

    /// What an answer took, for the server's figures.
    package typealias Observer = @Sendable (GenerationSummary) -> Void

    /// A whole one.
    private struct Answer: Sendable {
        let index: Int
        let text: String
        let tokens: [GeneratedText.Token]
        let summary: GenerationSummary
    }

    // MARK: Whole

    /// The body of the answer, once all of it is there. Cancelling the task drops the texts.
    package func whole(observe: @escaping Observer = { _ in }) async throws -> JSONValue {
        let answers = try await withThrowingTaskGroup(of: Answer.self) { group in
            for choice in choices {
                group.addTask {
                    var (text, tokens) = ("", [GeneratedText.Token]())
                    var summary: GenerationSummary?
                    for try await part in choice.generation {
                        if case .text(let piece) = part {
                            text += piece.text
                            if scored != nil { tokens += piece.tokens }
                        }
                        summary = part.summary ?? summary
                    }
                    guard let summary else { throw CancellationError() }
                    observe(summary)
                    return Answer(index: choice.index, text: text, tokens: tokens, summary: summary)
                }
            }
            var answers: [Answer] = []
            for try await answer in group { answers.append(answer) }
            return answers.sorted { $0.index < $1.index }
        }
        let told = answers.map { answer -> JSONValue in
            let content: (String, JSONValue) =
                switch kind {
                case .chat:
                    (
                        "message",
                        .members([
                            ("role", .string("assistant")), ("content", .string(answer.text)), ("refusal", .null),
                        ])
                    )
                case .text: ("text", .string(answer.text))
                }
            return .members([
                ("index", .integer(answer.index)), content,
                ("logprobs", scored?.json(answer.tokens, start: 0) ?? .null),
                ("finish_reason", .string(answer.summary.finishReason.openAI)),
            ])
        }
        return body(
            object: kind == .chat ? "chat.completion" : "text_completion", told,
            [("usage", usage(answers.map(\.summary)))])
    }

    // MARK: In events

    /// The data of the stream's events, each a JSON object, the last one `[DONE]`. Whoever stops reading drops the
    /// texts.
    ///
    /// - Parameter mostBytes: of events that wait for their reader; beyond, the stream ends with an error.
    package func events(
        mostBytes: Int = EventStream.mostBytes, observe: @escaping Observer = { _ in }
    ) -> EventStream {
        EventStream(mostBytes: mostBytes) { send in
            let summaries = try await withThrowingTaskGroup(of: GenerationSummary.self) { group in
                for choice in choices {
                    group.addTask {
                        let summary = try await tell(choice) { try send($0.text()) }
                        observe(summary)
                        return summary
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            if includesUsage { try send(chunk([], usage: usage(summaries)).text()) }
            try send("[DONE]")
        }
    }

    private func tell(
        _ choice: Choice, _ send: @Sendable (JSONValue) throws -> Void
    ) async throws -> GenerationSummary {
        if kind == .chat {
            try send(part(choice.index, .members([("role", .string("assistant")), ("content", .string(""))])))
        }
        var summary: GenerationSummary?
        var start = 0
        for try await part in choice.generation {
            if case .text(let piece) = part, !piece.text.isEmpty || scored != nil || tellsDraftDepths {
                let content =
                    kind == .chat ? JSONValue.members([("content", .string(piece.text))]) : .string(piece.text)
                var more = [("logprobs", scored?.json(piece.tokens, start: start) ?? .null)]
                if tellsDraftDepths { more.append(("draft_depths", depths(piece.tokens))) }
                try send(self.part(choice.index, content, more))
                start += piece.text.unicodeScalars.count
            }
            summary = part.summary ?? summary
        }
        guard let summary else { throw CancellationError() }
        let nothing = kind == .chat ? JSONValue.members([]) : .string("")
        try send(part(choice.index, nothing, reason: summary.finishReason))
        return summary
    }

    private func depths(_ tokens: [GeneratedText.Token]) -> JSONValue {
        .array(tokens.map { .members([("text", .string($0.text)), ("depth", .integer($0.draftDepth))]) })
    }

    /// A chunk with a piece of one answer.
    private func part(
        _ index: Int, _ content: JSONValue, _ more: [(String, JSONValue)] = [("logprobs", .null)],
        reason: FinishReason? = nil
    ) -> JSONValue {
        chunk([
            .members(
                [("index", .integer(index)), (kind == .chat ? "delta" : "text", content)] + more + [
                    ("finish_reason", reason.map { .string($0.openAI) } ?? .null)
                ])
        ])
    }

    private func chunk(_ choices: [JSONValue], usage: JSONValue = .null) -> JSONValue {
        body(
            object: kind == .chat ? "chat.completion.chunk" : "text_completion", choices,
            includesUsage ? [("usage", usage)] : [])
    }

    private func body(object: String, _ choices: [JSONValue], _ more: [(String, JSONValue)]) -> JSONValue {
        .members(
            [
                ("id", .string(id)), ("object", .string(object)), ("created", .integer(created)),
                ("model", .string(model)), ("choices", .array(choices)),
            ] + more)
    }

    private func usage(_ summaries: [GenerationSummary]) -> JSONValue {
        let generated = summaries.reduce(0) { $0 + $1.generatedTokens }
        return .members([
            ("prompt_tokens", .integer(promptTokens)), ("completion_tokens", .integer(generated)),
            ("total_tokens", .integer(promptTokens + generated)),
            (
                "completion_tokens_details",
                .members([
                    ("accepted_prediction_tokens", .integer(summaries.reduce(0) { $0 + $1.acceptedDraftTokens })),
                    ("rejected_prediction_tokens", .integer(summaries.reduce(0) { $0 + $1.rejectedDraftTokens })),
                ])
            ),
        ])
    }
}

extension FinishReason {
    /// OpenAI's word.
    var openAI: String {
        switch self {
        case .endToken, .stopText: "stop"
        case .length, .context: "length"
        }
    }
}
