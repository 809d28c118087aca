import FalconJSON

/// What a template is given, as transformers' `apply_chat_template` gives it.
package struct TemplateContext: Sendable {
    /// Objects with `role`, `content` (text or parts), `tool_calls`, `reasoning_content` and the like.
    package var messages: [JSONValue]
    /// Descriptions of functions; `nil` for none.
    package var tools: JSONValue?
    package var documents: JSONValue?
    package var addGenerationPrompt: Bool
    /// `bos_token` and others; one that is missing is undefined to the template.
    package var specialTokens: [String: String]
    /// Further variables (`enable_thinking`, `date_string`), which win over the special tokens.
    package var arguments: JSONObject
    /// What `strftime_now` reads.
    package var clock: TemplateClock
    /// Whether message keys whose value is null reach the template, as in transformers 4. Version 5 drops them.
    package var keepsNulls: Bool

    package init(
        messages: [JSONValue], tools: JSONValue? = nil, documents: JSONValue? = nil, addGenerationPrompt: Bool = false,
        specialTokens: [String: String] = [:], arguments: JSONObject = JSONObject(), clock: TemplateClock = .now,
        keepsNulls: Bool = false
    ) {
        self.messages = messages
        self.tools = tools
        self.documents = documents
        self.addGenerationPrompt = addGenerationPrompt
        self.specialTokens = specialTokens
        self.arguments = arguments
        self.clock = clock
        self.keepsNulls = keepsNulls
    }

    /// The value of a variable; `nil` where it is undefined.
    func value(_ name: String) -> Value? {
        switch name {
        case "messages": return .list(of: messages.map { Value(preparedMessage($0)) })
        case "add_generation_prompt": return .boolean(addGenerationPrompt)
        default: break
        }
        if let argument = arguments[name] { return Value(argument) }
        switch name {
        case "tools": return tools.map(Value.init) ?? Value.none
        case "documents": return documents.map(Value.init) ?? Value.none
        default: return specialTokens[name].map(Value.text)
        }
    }

    private static let reasoningNames = ["reasoning_content", "thinking", "reasoning"]

    /// Null members are dropped, and a thought under one of its names stands under `reasoning_content` and `thinking`.
    private func preparedMessage(_ message: JSONValue) -> JSONValue {
        guard !keepsNulls, case .object(let object) = message else { return message }
        let needsWork =
            object.members.contains { $0.value.isNull }
            || TemplateContext.reasoningNames.contains { object[$0] != nil }
        guard needsWork else { return message }
        var kept = JSONObject()
        for member in object.members where !member.value.isNull { kept.append(member.key, member.value) }
        let reasoning = TemplateContext.reasoningNames.lazy.compactMap { kept[$0] }.first
        guard let reasoning else { return .object(kept) }
        var result = JSONObject()
        // As Python merges {"thinking": r, **message, "reasoning_content": r}.
        result.append("thinking", kept["thinking"] ?? reasoning)
        for member in kept.members where member.key != "thinking" { result.append(member.key, member.value) }
        result["reasoning_content"] = reasoning
        return .object(result)
    }
}

extension Value {
    init(_ json: JSONValue) {
        switch json {
        case .null: self = .none
        case .boolean(let value): self = .boolean(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .float(value)
        case .string(let text): self = .string(Text(text))
        case .array(let values): self = .list(of: values.map(Value.init))
        case .object(let object):
            let dictionary = ValueDictionary()
            for member in object.members { dictionary.set(.string(Text(member.key)), Value(member.value)) }
            self = .dictionary(dictionary)
        }
    }
}
