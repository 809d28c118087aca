import FalconJSON

/// A dialogue as a template writes it, and which parts of it the assistant says.
package struct SupervisedTemplate: Sendable, Equatable {
    package let text: String
    package let spans: AssistantSpans
}

/// What the assistant says in a rendered dialogue.
package enum AssistantSpans: Sendable, Equatable {
    /// One span for each message of the assistant, in order.
    case known([AssistantSpan])
    /// It cannot be told; why, as a clause ("the template leaves message 2 out").
    case unknown(reason: String)
}

/// One message of the assistant.
package struct AssistantSpan: Sendable, Equatable {
    /// Its place among the messages, from 0.
    package let message: Int
    /// Bytes of UTF-8, from the end of the generation prompt to the end of the end-of-turn token. Where a template
    /// has no such token, to the end of what it writes of the message.
    package let range: Range<Int>
    /// The part of `range` that a model would have generated. An empty thought that the template puts in, and that
    /// neither the row nor the generation prompt has, is left out: no model ever writes it there.
    package let supervised: Range<Int>

    package init(message: Int, range: Range<Int>, supervised: Range<Int>) {
        (self.message, self.range, self.supervised) = (message, range, supervised)
    }
}

extension ChatTemplateProgram {
    /// The dialogue as text, with the assistant's part of it.
    ///
    /// A span begins where generation would: at the end of the text that the messages before it give with a generation
    /// prompt. Where the template writes those messages otherwise in a longer dialogue (thoughts removed, the system
    /// message moved to the last question), the other messages are replaced by markers, and what lies between those
    /// is compared. Nothing is guessed: what neither way tells is `unknown`.
    ///
    /// - Throws: `TemplateError` where the dialogue itself cannot be rendered.
    package func assistantSpans(_ context: TemplateContext) throws -> SupervisedTemplate {
        let rendered = try render(context)
        let finder = SpanFinder(self, context, rendered)
        return SupervisedTemplate(text: rendered.text, spans: finder.spans())
    }

    /// The texts that close an answer, the one that ends a whole dialogue first ("<|im_end|>"; gpt-oss has two). Empty
    /// where the template has none, or where none can be told.
    ///
    /// - Parameter context: for the special tokens and arguments; its messages are not looked at, but for whether
    ///   content comes in parts.
    package func endsOfTurn(_ context: TemplateContext) -> [String] {
        TurnEnding(self, context).tags.map { String(decoding: $0.trimmed, as: UTF8.self) }
    }
}
