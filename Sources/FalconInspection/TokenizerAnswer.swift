import FalconJSON
import FalconModels
import FalconTensor
import FalconTokenizer
import Synchronization

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
package final class TokenizerInspection: Sendable {
    private let tokenizer: Tokenizer
    private let source: ModelSource
    private let choice: TemplateChoice
    /// Read when the first chat asks for it.
    private let template = Mutex<ChatTemplate?>(nil)

    /// - Parameter template: only looked for when a chat asks for it.
    /// - Throws: `TokenizerError` where `tokenizer.json` is missing or of a kind not known.
    package init(folder: String, template: TemplateChoice) throws {
        source = try ModelSource(path: folder, needsModel: false)
        tokenizer = try source.tokenizer()
        choice = template
    }

    /// Special tokens named in the text are recognised; none is added.
    package func encode(_ text: String) -> TokenizerAnswer { TokenizerAnswer(ids: tokenizer.encode(text)) }

    package func decode(_ ids: [Int32], skippingSpecial: Bool) -> TokenizerAnswer {
        TokenizerAnswer(text: tokenizer.decode(ids, skippingSpecial: skippingSpecial))
    }

    /// The template that chats are written with, and where it is from.
    ///
    /// - Throws: `TokenizerError` where the model has none, or it cannot be read.
    package func chatTemplate() throws -> ChatTemplate {
        try template.withLock { known in
            if let known { return known }
            let read = try source.template(choice)
            known = read
            return read
        }
    }

    /// A chat as the template writes it; what is given reaches the template as it is.
    ///
    /// - Throws: `TokenizerError` where the model has no template, `DialogueRefusal` where that has no form for the
    ///   chat.
    package func chat(_ chat: GivenChat, addGenerationPrompt: Bool) throws -> TokenizerAnswer {
        let (text, ids, mask) = try chatTemplate().encode(
            chat.messages, chat.variables, addGenerationPrompt: chat.addGenerationPrompt ?? addGenerationPrompt,
            tokenizer)
        return TokenizerAnswer(ids: ids, prompt: text, assistantMask: mask)
    }

    /// Answers many questions, one JSON object a line: `{"text": ...}`, `{"ids": [...], "skip_special": false}` or a
    /// chat as `GivenChat` reads it.
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
        guard question["messages"] != nil else { throw FileError(place, "has no text, ids or messages") }
        let chat = try GivenChat(question, path: place)
        do {
            return try self.chat(chat, addGenerationPrompt: false)
        } catch let error as DialogueRefusal {
            return TokenizerAnswer(error: "\(error)")
        }
    }
}

/// A chat and what its template is to be given: a list of messages, or `{"messages", "tools", "documents",
/// "add_generation_prompt", "template_arguments"}`.
package struct GivenChat: Sendable {
    let messages: [JSONValue]
    let variables: JSONObject
    let addGenerationPrompt: Bool?

    /// - Throws: `FileError` where it is something else.
    package init(_ value: JSONValue, path: String) throws {
        guard let list = value.array ?? value["messages"]?.array else {
            throw FileError(path, "must be a list of {role, content}, or an object with such a list under 'messages'")
        }
        messages = list
        var variables = JSONObject()
        for name in ["tools", "documents"] {
            if let given = value[name] { variables.append(name, given) }
        }
        for name in ["template_arguments", "chat_template_kwargs"] {
            guard let given = value[name], !given.isNull else { continue }
            guard let object = given.object else { throw FileError(path, "'\(name)' is \(given.kind), not an object") }
            for member in object.members { variables[member.key] = member.value }
        }
        self.variables = variables
        addGenerationPrompt = value["add_generation_prompt"]?.boolean
    }
}
