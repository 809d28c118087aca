import FalconJSON
import FalconTensor
import FalconTokenizer

/// What `falcon-inspect tokenizer` answers to one question; absent members are left out of its JSON.
package struct TokenizerAnswer: Sendable, Encodable {
    package var ids: [Int32]?
    package var text: String?
    package var prompt: String?
    package var assistantMask: [UInt8]?
    /// Why a question of many has no answer.
    package var error: String?

    enum CodingKeys: String, CodingKey {
        case ids, text, prompt, error
        case assistantMask = "assistant_mask"
    }
}

/// Answers questions about a tokenizer: what tokens a text has, what text tokens have, how a chat is written.
package struct TokenizerInspection: Sendable {
    private let tokenizer: Tokenizer
    private let folder: String
    private let template: String

    /// - Parameter template: as `ChatTemplate.select` takes it; only looked for when a chat asks for it.
    /// - Throws: `TokenizerError` where `tokenizer.json` is missing or of a kind not known.
    package init(folder: String, template: String) throws {
        tokenizer = try Tokenizer(folder: folder)
        (self.folder, self.template) = (folder, template)
    }

    /// Special tokens named in the text are recognised; none is added.
    package func encode(_ text: String) -> TokenizerAnswer { TokenizerAnswer(ids: tokenizer.encode(text)) }

    package func decode(_ ids: [Int32], skippingSpecial: Bool) -> TokenizerAnswer {
        TokenizerAnswer(text: tokenizer.decode(ids, skippingSpecial: skippingSpecial))
    }

    /// - Throws: `TokenizerError` where the model has no template, or that has no form for the chat.
    package func chat(_ messages: [ChatMessage], addGenerationPrompt: Bool) throws -> TokenizerAnswer {
        let template = try ChatTemplate.select(template, folder: folder).template
        let (ids, mask) = try template.encode(messages, tokenizer, addGenerationPrompt: addGenerationPrompt)
        return TokenizerAnswer(
            ids: ids, prompt: try template.render(messages, addGenerationPrompt: addGenerationPrompt).text,
            assistantMask: mask)
    }

    /// Reads a chat: a list of {role, content}.
    ///
    /// - Throws: `FileError` where it is something else.
    package static func messages(_ value: JSONValue, path: String) throws -> [ChatMessage] {
        guard let list = value.array else { throw FileError(path, "must be a list of {role, content}") }
        return try list.map { message in
            guard let role = message["role"]?.string, let content = message["content"]?.string else {
                throw FileError(path, "must be a list of {role, content}, both text")
            }
            return ChatMessage(role: ChatRole(role), content: content)
        }
    }

    /// Answers many questions, one JSON object a line: `{"text": ...}`, `{"ids": [...], "skip_special": false}` or
    /// `{"messages": [...], "add_generation_prompt": false}`.
    ///
    /// - Returns: an answer for each line that is not blank; one with an error where a chat has no form.
    /// - Throws: `FileError` that names the line where it is no question.
    package func answers(lines bytes: [UInt8], path: String) throws -> [TokenizerAnswer] {
        var answers: [TokenizerAnswer] = []
        for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { $0 > 0x20 }) else { continue }
            let place = "\(path), line \(index + 1)"
            let question: JSONValue
            do {
                question = try JSONParser.parse(Array(line))
            } catch { throw FileError(place, "is not JSON: \(error.withoutLine)") }
            answers.append(try answer(question, place))
        }
        return answers
    }

    private func answer(_ question: JSONValue, _ place: String) throws -> TokenizerAnswer {
        if let text = question["text"]?.string { return encode(text) }
        if let list = question["ids"]?.array {
            let ids = list.compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
            guard ids.count == list.count else { throw FileError(place, "ids must be token ids") }
            return decode(ids, skippingSpecial: question["skip_special"]?.boolean ?? false)
        }
        guard let chat = question["messages"] else { throw FileError(place, "has no text, ids or messages") }
        let messages = try Self.messages(chat, path: place)
        do {
            return try self.chat(messages, addGenerationPrompt: question["add_generation_prompt"]?.boolean ?? false)
        } catch { return TokenizerAnswer(error: "\(error)") }
    }
}
