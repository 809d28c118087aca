import FalconJSON

/// Why a row of a data set is left out.
struct ChatRowError: Error {
    let id: String?
    let problem: String
}

/// One row of a data set, in any of the forms of `ChatDataset`.
struct ChatRow {
    let dialogue: Dialogue

    init(_ value: JSONValue, row: Int) throws(ChatRowError) {
        guard value.object != nil else {
            throw ChatRowError(id: nil, problem: "is \(value.kind), not an object")
        }
        let given = Self.name(value["id"]) ?? Self.name(value["question_id"])
        var messages: [ChatMessage] = []
        if let list = value["conversations"] ?? value["messages"] {
            messages = try Self.messages(list, id: given)
        } else if let turns = value["turns"] {
            guard let list = turns.array else { throw ChatRowError(id: given, problem: "'turns' is no list") }
            for (index, turn) in list.enumerated() {
                guard let text = turn.string else {
                    throw ChatRowError(id: given, problem: "turn \(index) is \(turn.kind), not a string")
                }
                messages.append(ChatMessage(role: .user, content: text))
            }
        } else if let prompt = value["prompt"] {
            if let text = prompt.string {
                messages = [ChatMessage(role: .user, content: text)]
            } else {
                messages = try Self.messages(prompt, id: given)
            }
        } else {
            throw ChatRowError(id: given, problem: "has no 'conversations', 'messages', 'turns' or 'prompt'")
        }
        guard messages.contains(where: { $0.role != .system }) else {
            throw ChatRowError(id: given, problem: "has no messages")
        }
        dialogue = Dialogue(id: given ?? "row-\(row)", messages: messages, category: Self.name(value["category"]))
    }

    /// An id or category: a string, or a whole number as in EAGLE's question sets.
    private static func name(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text)?: text.isEmpty ? nil : text
        case .integer(let number)?: String(number)
        default: nil
        }
    }

    private static func messages(_ value: JSONValue, id: String?) throws(ChatRowError) -> [ChatMessage] {
        guard let list = value.array else {
            throw ChatRowError(id: id, problem: "its messages are \(value.kind), not a list")
        }
        var messages: [ChatMessage] = []
        for (index, entry) in list.enumerated() {
            guard let name = entry["role"]?.string ?? entry["from"]?.string else {
                throw ChatRowError(id: id, problem: "message \(index) has no 'role' or 'from'")
            }
            guard let role = role(name) else {
                throw ChatRowError(id: id, problem: "message \(index) has the role '\(name)', which is not known")
            }
            guard let content = content(entry["content"] ?? entry["value"] ?? entry["text"]) else {
                throw ChatRowError(id: id, problem: "message \(index) has no text in 'content' or 'value'")
            }
            messages.append(ChatMessage(role: role, content: content))
        }
        // ShareGPT cuts long dialogues anywhere: a part that starts with an answer is read from the next question.
        let system = messages.prefix { $0.role == .system }
        let turns = messages.dropFirst(system.count).drop { $0.role == .assistant }
        guard !turns.isEmpty || messages.isEmpty else {
            throw ChatRowError(id: id, problem: "has no message of a user")
        }
        return Array(system) + turns
    }

    private static func role(_ name: String) -> ChatRole? {
        switch name.lowercased() {
        case "user", "human": .user
        case "assistant", "gpt", "chatgpt", "bard", "bing", "model": .assistant
        case "system": .system
        case "tool", "function", "observation": "tool"
        default: nil
        }
    }

    /// Text, or a list of parts of which the texts count.
    private static func content(_ value: JSONValue?) -> String? {
        guard let parts = value?.array else { return value?.string }
        var text = ""
        for part in parts {
            guard let piece = part["text"]?.string else { return nil }
            text += piece
        }
        return text
    }
}
