extension ChatTemplate {
    /// A dialogue as the model's own template writes it.
    ///
    /// - Parameter addGenerationPrompt: whether the text ends where the assistant's next answer begins.
    /// - Throws: `TokenizerError` for a dialogue that the template has no form for: no messages, roles it does not
    ///   know, and with `llama2` and `mistral` questions and answers that do not take turns.
    package func render(_ messages: [ChatMessage], addGenerationPrompt: Bool = false) throws -> RenderedChat {
        guard !messages.isEmpty else { throw refusal("a dialogue without messages") }
        var chat = ChatWriter()
        switch style {
        case .chatml: writeChatML(messages, into: &chat)
        case .llama2: try writeLlama2(messages, into: &chat)
        case .llama3: writeLlama3(messages, into: &chat)
        case .mistral: try writeMistral(messages, into: &chat)
        case .vicuna: try writeVicuna(messages, into: &chat)
        }
        if addGenerationPrompt {
            switch style {
            case .chatml: chat.write("<|im_start|>assistant\n")
            case .llama2, .mistral: break
            case .llama3: chat.write("<|start_header_id|>assistant<|end_header_id|>\n\n")
            case .vicuna: chat.write("ASSISTANT:")
            }
        }
        return chat.rendered
    }

    private func refusal(_ problem: String) -> TokenizerError {
        TokenizerError("template \(style.rawValue)", "has no form for \(problem)")
    }

    private func writeChatML(_ messages: [ChatMessage], into chat: inout ChatWriter) {
        chat.write(beginning)
        if messages[0].role != .system, let defaultSystem {
            chat.write("<|im_start|>system\n" + defaultSystem + "<|im_end|>\n")
        }
        let lastQuestion = messages.lastIndex { $0.role == .user } ?? messages.count - 1
        for (index, message) in messages.enumerated() {
            chat.write("<|im_start|>" + message.role.name + "\n")
            if message.role == .assistant {
                let content = hasThoughts ? thoughtful(messages, index, lastQuestion) : message.content
                chat.writeAnswer(content + "<|im_end|>")
            } else {
                chat.write(message.content + "<|im_end|>")
            }
            chat.write("\n")
        }
    }

    /// Qwen 3: answers up to the last question lose their thoughts; the last one after it always has a place for them.
    private func thoughtful(_ messages: [ChatMessage], _ index: Int, _ lastQuestion: Int) -> String {
        let content = messages[index].content
        var thoughts = ""
        var answer = content
        let parts = content.pieces(around: "</think>")
        if parts.count > 1 {
            thoughts = parts[0].trimmingNewlines(.end).pieces(around: "<think>").last?.trimmingNewlines(.start) ?? ""
            answer = (parts.last ?? "").trimmingNewlines(.start)
        }
        guard index > lastQuestion, index == messages.count - 1 || !thoughts.isEmpty else { return answer }
        return "<think>\n" + thoughts.trimmingNewlines(.both) + "\n</think>\n\n" + answer.trimmingNewlines(.start)
    }

    private func writeLlama3(_ messages: [ChatMessage], into chat: inout ChatWriter) {
        chat.write(beginning)
        var rest = messages[...]
        if let systemPrefix {
            let system = messages[0].role == .system ? messages[0].content.trimmingSpace() : defaultSystem ?? ""
            if messages[0].role == .system { rest = rest.dropFirst() }
            chat.write("<|start_header_id|>system<|end_header_id|>\n\n" + systemPrefix + system + "<|eot_id|>")
        } else if messages[0].role != .system, let defaultSystem {
            chat.write("<|start_header_id|>system<|end_header_id|>\n\n" + defaultSystem + "<|eot_id|>")
        }
        for message in rest {
            chat.write("<|start_header_id|>" + message.role.name + "<|end_header_id|>\n\n")
            let content = message.content.trimmingSpace() + "<|eot_id|>"
            if message.role == .assistant { chat.writeAnswer(content) } else { chat.write(content) }
        }
    }

    private func writeLlama2(_ messages: [ChatMessage], into chat: inout ChatWriter) throws {
        let (system, turns) = split(messages)
        try requireTurns(turns)
        for (index, message) in turns.enumerated() {
            if message.role == .assistant {
                chat.writeAnswer(" " + message.content.trimmingSpace() + " " + ending)
            } else {
                let preface = index == 0 ? system.map { "<<SYS>>\n" + $0 + "\n<</SYS>>\n\n" } ?? "" : ""
                chat.write(beginning + "[INST] " + (preface + message.content).trimmingSpace() + " [/INST]")
            }
        }
    }

    private func writeMistral(_ messages: [ChatMessage], into chat: inout ChatWriter) throws {
        let (system, turns) = split(messages)
        if system != nil, mistral.systemPlace == .refused { throw refusal("a system message") }
        try requireTurns(turns)
        chat.write(beginning)
        for (index, message) in turns.enumerated() {
            if message.role == .assistant {
                let content = mistral.trimsAnswer ? message.content.trimmingSpace() : message.content
                chat.writeAnswer(mistral.answerOpening + content + ending)
                chat.write(mistral.answerClosing)
            } else {
                let place = mistral.systemPlace == .firstQuestion ? 0 : turns.count - 1
                let preface = index == place ? system.map { $0 + "\n\n" } ?? "" : ""
                let content = mistral.trimsQuestion ? message.content.trimmingSpace() : message.content
                chat.write(mistral.opening + preface + content + mistral.closing)
            }
        }
    }

    private func requireTurns(_ turns: ArraySlice<ChatMessage>) throws {
        for (index, message) in turns.enumerated() where message.role != (index % 2 == 0 ? .user : .assistant) {
            throw refusal("turns that are not user, assistant, user, ...: turn \(index) is '\(message.role)'")
        }
    }

    private func writeVicuna(_ messages: [ChatMessage], into chat: inout ChatWriter) throws {
        let (system, turns) = split(messages)
        chat.write(beginning)
        if let system { chat.write(system + " ") }
        for message in turns {
            switch message.role {
            case .user: chat.write("USER: " + message.content + " ")
            case .assistant:
                chat.write("ASSISTANT: ")
                chat.writeAnswer(message.content + ending)
            default: throw refusal("the role '\(message.role)' behind the first message")
            }
        }
    }

    private func split(_ messages: [ChatMessage]) -> (system: String?, turns: ArraySlice<ChatMessage>) {
        messages[0].role == .system ? (messages[0].content, messages.dropFirst()) : (defaultSystem, messages[...])
    }
}

/// Collects a dialogue's text and notes which parts are answers.
private struct ChatWriter {
    private var bytes: [UInt8] = []
    private var spans: [Range<Int>] = []

    mutating func write(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    mutating func writeAnswer(_ text: String) {
        let start = bytes.count
        write(text)
        if bytes.count > start { spans.append(start..<bytes.count) }
    }

    var rendered: RenderedChat {
        RenderedChat(text: String(decoding: bytes, as: UTF8.self), assistantSpans: spans)
    }
}

/// Python's `strip` and `split`, which the templates use. By scalars: a carriage return with its line feed is one
/// Swift character.
extension String {
    fileprivate enum Side { case start, end, both }

    fileprivate func trimmingSpace() -> String {
        // Python counts the four separators U+001C to U+001F as white space; Unicode does not.
        trimming(.both) { $0.properties.isWhitespace || (0x1c...0x1f).contains($0.value) }
    }

    fileprivate func trimmingNewlines(_ side: Side) -> String {
        trimming(side) { $0 == "\n" }
    }

    private func trimming(_ side: Side, _ isTrimmed: (Unicode.Scalar) -> Bool) -> String {
        var rest = unicodeScalars[...]
        if side != .end { rest = rest.drop(while: isTrimmed) }
        if side != .start { while let last = rest.last, isTrimmed(last) { rest.removeLast() } }
        return String(rest)
    }

    fileprivate func pieces(around separator: String) -> [String] {
        let mark = Array(separator.utf8)
        var pieces: [[UInt8]] = [[]]
        var rest = Array(utf8)[...]
        while let byte = rest.first {
            if rest.starts(with: mark) {
                pieces.append([])
                rest = rest.dropFirst(mark.count)
            } else {
                pieces[pieces.count - 1].append(byte)
                rest = rest.dropFirst()
            }
        }
        return pieces.map { String(decoding: $0, as: UTF8.self) }
    }
}
