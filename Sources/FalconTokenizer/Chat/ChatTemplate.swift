/// How a model family writes a dialogue as one text.
///
/// The texts are those of the Jinja templates that come with the models, byte for byte; the assistant's parts come
/// out of the rendering itself, not from a search for separators, so that no message can be mistaken for one.
package struct ChatTemplate: Sendable, Equatable {
    package enum Style: String, Sendable, CaseIterable {
        /// `<|im_start|>role\ncontent<|im_end|>\n`, Qwen and many others.
        case chatml
        /// `<s>[INST] <<SYS>>...<</SYS>> user [/INST] answer </s>`
        case llama2
        /// `<|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>`
        case llama3
        /// `<s>[INST] user [/INST] answer</s>`, in the spaces of the model's own template
        case mistral
        /// `system USER: user ASSISTANT: answer</s>`
        case vicuna
    }

    package let style: Style
    /// What a dialogue without a system message begins with; `nil` for nothing.
    package let defaultSystem: String?
    /// Stands before the whole text, with `llama2` before each question.
    package let beginning: String
    /// Ends an answer in the styles that use the end-of-text token for it.
    package let ending: String
    /// Put before every system message, which then is always there (Llama 3.1: the model's dates).
    package let systemPrefix: String?
    /// The spaces and the place of system messages, with `mistral`.
    let mistral: MistralForm
    /// Whether thoughts before `</think>` are kept in the last answer only, which always has a place for them (Qwen 3).
    package let hasThoughts: Bool

    package init(
        _ style: Style, defaultSystem: String? = nil, beginning: String? = nil, ending: String = "</s>",
        systemPrefix: String? = nil, hasThoughts: Bool = false, mistral: MistralForm? = nil
    ) {
        self.style = style
        self.defaultSystem = defaultSystem
        self.beginning =
            switch (style, beginning) {
            case (_, let given?): given
            case (.chatml, nil): ""
            case (.llama3, nil): "<|begin_of_text|>"
            case (.llama2, nil), (.mistral, nil), (.vicuna, nil): "<s>"
            }
        self.ending = ending
        self.systemPrefix = systemPrefix
        self.hasThoughts = hasThoughts
        self.mistral = mistral ?? .documented
    }

    /// What ends an answer, a token of the vocabulary.
    package var endOfTurn: String {
        switch style {
        case .chatml: "<|im_end|>"
        case .llama3: "<|eot_id|>"
        case .llama2, .mistral, .vicuna: ending
        }
    }

    /// The tokens of a dialogue and its loss mask, 1 for each token that has a part in what the assistant says.
    ///
    /// - Parameter addGenerationPrompt: whether the text ends where the assistant's next answer begins.
    /// - Throws: `TokenizerError` for a dialogue that the template has no form for.
    package func encode(
        _ messages: [ChatMessage], _ tokenizer: Tokenizer, addGenerationPrompt: Bool = false
    ) throws -> (ids: [Int32], lossMask: [UInt8]) {
        let chat = try render(messages, addGenerationPrompt: addGenerationPrompt)
        let (ids, mask) = tokenizer.encode(chat.text, marking: chat.assistantSpans)
        return (ids, mask)
    }
}
