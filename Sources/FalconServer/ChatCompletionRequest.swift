import Falcon
import FalconJSON
import FalconTokenizer

/// The body of `POST /v1/chat/completions`.
package struct ChatCompletionRequest: Sendable, Equatable {
    package let fields: GenerationFields
    package let messages: [ChatMessage]
    /// Further variables of the chat template.
    package let templateArguments: JSONObject

    /// - Parameter randomSeed: for a request without one.
    /// - Throws: `APIError` that names the member.
    package init(_ body: [UInt8], randomSeed: () -> UInt64 = { .random(in: 0 ... .max) }) throws {
        var fields = try RequestFields(body)
        messages = try ChatCompletionRequest.messages(fields.value("messages"))
        templateArguments = try ChatCompletionRequest.arguments(fields.value("chat_template_kwargs"))
        var generation = try GenerationFields(
            &fields, limits: ["max_completion_tokens", "max_tokens"], randomSeed: randomSeed)
        let top = try fields.integer("top_logprobs", 0...GenerationOptions.mostAlternatives)
        if try fields.boolean("logprobs") ?? false {
            generation.options.scoredAlternatives = top ?? 0
        } else if let top, top > 0 {
            throw APIError.invalid("top_logprobs", "is for 'logprobs': true")
        }
        self.fields = generation
        let text = JSONValue.members([("type", .string("text"))])
        try fields.refuseUnsupported([
            ("tools", [.array([])], "models answer with text alone here"),
            ("tool_choice", [.string("none")], "models answer with text alone here"),
            ("parallel_tool_calls", [.boolean(false), .boolean(true)], "models answer with text alone here"),
            ("functions", [.array([])], "models answer with text alone here"),
            ("function_call", [.string("none")], "models answer with text alone here"),
            ("response_format", [text], "answers are text, without a schema"),
            ("modalities", [.array([.string("text")])], "answers are text"),
            ("audio", [], "answers are text"),
            ("prediction", [], "start the server with --draft"),
            ("reasoning_effort", [], "see 'chat_template_kwargs'"),
            ("verbosity", [], "leave it out"),
            ("web_search_options", [], "leave it out"),
        ])
        try GenerationFields.refuseUnsupported(&fields)
    }

    private static func arguments(_ value: JSONValue?) throws -> JSONObject {
        guard let value else { return JSONObject() }
        guard let object = value.object else {
            throw APIError.invalid("chat_template_kwargs", "is \(value.kind): give an object")
        }
        return object
    }

    private static func messages(_ value: JSONValue?) throws -> [ChatMessage] {
        guard let value else { throw APIError.invalid("messages", "is missing") }
        guard let array = value.array else { throw APIError.invalid("messages", "is \(value.kind): give a list") }
        guard !array.isEmpty else { throw APIError.invalid("messages", "is empty: give at least one message") }
        return try array.enumerated().map { try message($1, at: "messages[\($0)]") }
    }

    private static func message(_ value: JSONValue, at place: String) throws -> ChatMessage {
        guard let object = value.object else { throw APIError.invalid(place, "is \(value.kind): give an object") }
        var (role, content, others) = (String?.none, String?.none, [(String, JSONValue)]())
        for member in object.members where !member.value.isNull {
            let name = "\(place).\(member.key)"
            switch member.key {
            case "role": role = try text(member.value, at: name)
            case "content": content = try self.content(member.value, at: name)
            // Templates of some models write them.
            case "name", "reasoning_content":
                others.append((member.key, .string(try text(member.value, at: name))))
            case "tool_calls", "function_call", "tool_call_id", "audio", "refusal":
                throw APIError.unsupported(name, "models answer with text alone here")
            default: throw APIError.invalid(name, "is not known", code: "unknown_parameter")
            }
        }
        guard var role else { throw APIError.invalid("\(place).role", "is missing: give system, user or assistant") }
        // OpenAI's newer word for instructions, which few templates know.
        if role == "developer" { role = "system" }
        guard ["system", "user", "assistant"].contains(role) else {
            throw APIError.invalid("\(place).role", "is '\(role)': give system, user or assistant")
        }
        guard let content else { throw APIError.invalid("\(place).content", "is missing") }
        var fields = JSONObject()
        fields.append("role", .string(role))
        fields.append("content", .string(content))
        for (key, value) in others { fields.append(key, value) }
        return ChatMessage(fields)
    }

    /// Text, or parts of text.
    private static func content(_ value: JSONValue, at place: String) throws -> String {
        guard let parts = value.array else { return try text(value, at: place) }
        return try parts.enumerated().map { index, part in
            let name = "\(place)[\(index)]"
            guard let object = part.object else { throw APIError.invalid(name, "is \(part.kind): give an object") }
            guard object["type"] == .string("text") else {
                let type = object["type"]?.string ?? "nothing"
                throw APIError.unsupported("\(name).type", "give 'text'; it is '\(type)'")
            }
            return try text(object["text"] ?? .null, at: "\(name).text")
        }.joined()
    }

    private static func text(_ value: JSONValue, at place: String) throws -> String {
        guard let text = value.string else { throw APIError.invalid(place, "is \(value.kind): give a string") }
        return text
    }
}
