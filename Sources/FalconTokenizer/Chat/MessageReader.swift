import FalconJSON

/// Reads one message of a row: in OpenAI's members (`role`, `content`) or in ShareGPT's (`from`, `value`).
struct MessageReader {
    let message: ChatMessage
    private(set) var remarks: [RowRemark] = []
    /// Members that are no part of either form.
    private(set) var unread: [String] = []

    static let weightNames = ["weight", "train", "training", "trainable", "loss", "loss_weight"]
    /// Members that templates know.
    private static let known: Set<String> = [
        "name", "tool_calls", "tool_call_id", "reasoning_content", "thinking", "reasoning", "function_call", "id",
        "citations", "plan", "recipient", "channel", "eot", "prefix",
    ]
    private static let spellings: Set<String> = ["role", "from", "content", "value", "text"]

    init(_ entry: JSONValue, number: Int, id: String?) throws(ChatRowError) {
        guard let object = entry.object, let name = entry["role"]?.string ?? entry["from"]?.string else {
            throw ChatRowError(
                id: id, problem: "message \(number) has no 'role' or 'from'", kind: "a message has no 'role' or 'from'")
        }
        guard let role = Self.role(name) else {
            throw ChatRowError(
                id: id, problem: "message \(number) has the role '\(name)', which is not known",
                kind: "a message has a role that is not known")
        }
        var (calls, isLearned): ([JSONValue], Bool) = (object["tool_calls"]?.array ?? [], true)
        if let call = object["function_call"], call.object != nil { calls.append(Self.call(call)) }
        var content = try Self.content(object, number, id, isNeeded: calls.isEmpty && !Self.hasThoughts(object))
        if Self.isCall(name), let text = content, !text.isEmpty {
            if let made = Self.calls(text) {
                (calls, content) = (calls + made, nil)
            } else {
                remarks.append(.functionCall)
            }
        }
        var fields = JSONObject()
        fields.append("role", .string(role.name))
        if let content { fields.append("content", .string(content)) }
        if !calls.isEmpty { fields.append("tool_calls", .array(calls)) }
        for member in object.members where !member.value.isNull && !Self.spellings.contains(member.key) {
            if Self.weightNames.contains(member.key) {
                guard let weight = Self.weight(member.value) else {
                    throw ChatRowError(
                        id: id,
                        problem: "message \(number) has a '\(member.key)' that is \(member.value.kind), not a number, "
                            + "true or false", kind: "a message has a '\(member.key)' that is no number, true or false")
                }
                if weight == 0 { isLearned = false }
                if role == .assistant, weight != 1 { remarks.append(weight == 0 ? .weightZero : .weightRounded) }
            } else if member.key != "tool_calls", member.key != "function_call" {
                fields.append(member.key, member.value)
                if !Self.known.contains(member.key), !RowColumns.isEmpty(member.value) { unread.append(member.key) }
            }
        }
        message = ChatMessage(fields, isLearned: isLearned)
    }

    private static func role(_ name: String) -> ChatRole? {
        switch name.lowercased() {
        case "user", "human", "prompter": .user
        case "assistant", "gpt", "chatgpt", "bard", "bing", "model", "bot", "ai", "claude": .assistant
        case "system": .system
        case "developer": "developer"
        case "function_call", "tool_call": .assistant
        case "tool", "function", "observation", "ipython", "tool_response", "tool_result", "function_response": "tool"
        default: nil
        }
    }

    private static func isCall(_ name: String) -> Bool { ["function_call", "tool_call"].contains(name.lowercased()) }

    private static func hasThoughts(_ object: JSONObject) -> Bool {
        ChatMessage.thoughts.contains { object[$0]?.string != nil }
    }

    /// Text, or a list of parts that all are text; `nil` where there is none.
    private static func content(
        _ object: JSONObject, _ number: Int, _ id: String?, isNeeded: Bool
    ) throws(ChatRowError) -> String? {
        let given = [object["content"], object["value"], object["text"]].compactMap { $0 }.first { !$0.isNull }
        switch given {
        case .string(let text)?: return text
        case .array(let parts)?:
            var text = ""
            for part in parts {
                guard let piece = part.string ?? part["text"]?.string ?? part["content"]?.string else {
                    let type = part["type"]?.string ?? part.kind
                    throw ChatRowError(
                        id: id, problem: "message \(number) has a part of the type '\(type)', which is no text",
                        kind: "a message has a part of the type '\(type)', which is no text")
                }
                text += piece
            }
            return text
        case nil where !isNeeded: return nil
        default:
            throw ChatRowError(
                id: id, problem: "message \(number) has no text in 'content' or 'value'",
                kind: "a message has no text in 'content' or 'value'")
        }
    }

    /// OpenAI's first form of calls, `{"name", "arguments"}`, in today's.
    private static func call(_ function: JSONValue) -> JSONValue {
        var object = JSONObject()
        object.append("type", .string("function"))
        object.append("function", function)
        return .object(object)
    }

    /// Calls written as JSON text: one, or a list.
    private static func calls(_ text: String) -> [JSONValue]? {
        let value = ChatRow.unpacked(.string(text))
        let list = value.array ?? [value]
        guard !list.isEmpty, list.allSatisfy({ ($0["function"] ?? $0)["name"]?.string != nil }) else { return nil }
        return list.map { $0["function"] == nil ? call($0) : $0 }
    }

    /// A weight as a number; `nil` where it is none.
    static func weight(_ value: JSONValue) -> Double? { value.double ?? value.boolean.map { $0 ? 1 : 0 } }
}
