import FalconJSON

/// Why a row of a data set is left out.
struct ChatRowError: Error {
    let id: String?
    let problem: String
    /// The kind of problem, to be counted: without numbers and names.
    let kind: String

    init(id: String?, problem: String, kind: String? = nil) {
        (self.id, self.problem, self.kind) = (id, problem, kind ?? problem)
    }
}

/// One row of a data set, in any of the forms of `ChatDataset`.
struct ChatRow {
    let dialogue: Dialogue

    init(_ value: JSONValue, row: Int) throws(ChatRowError) {
        guard value.object != nil else {
            throw ChatRowError(id: nil, problem: "is \(value.kind), not an object", kind: "is no object")
        }
        let given = Self.name(value["id"]) ?? Self.name(value["question_id"])
        var messages: [ChatMessage] = []
        let tokenized = try Self.tokenized(value, id: given)
        if let list = value["conversations"] ?? value["messages"] {
            messages = try Self.messages(list, id: given)
        } else if let turns = value["turns"] {
            guard let list = turns.array else { throw ChatRowError(id: given, problem: "'turns' is no list") }
            for (index, turn) in list.enumerated() {
                guard let text = turn.string else {
                    throw ChatRowError(
                        id: given, problem: "turn \(index) is \(turn.kind), not a string", kind: "a turn is no string")
                }
                messages.append(ChatMessage(role: .user, content: text))
            }
        } else if let prompt = value["prompt"] {
            if let text = prompt.string {
                messages = [ChatMessage(role: .user, content: text)]
            } else {
                messages = try Self.messages(prompt, id: given)
            }
        } else if tokenized == nil {
            throw ChatRowError(
                id: given, problem: "has no 'conversations', 'messages', 'turns', 'prompt' or 'input_ids'")
        }
        guard tokenized != nil || messages.contains(where: { $0.role != .system }) else {
            throw ChatRowError(id: given, problem: "has no messages")
        }
        dialogue = Dialogue(
            id: given ?? "row-\(row)", messages: messages, category: Self.name(value["category"]),
            tokenized: tokenized)
    }

    /// `input_ids` and `loss_mask`, two lists of one length; `nil` where the row has no `input_ids`.
    private static func tokenized(_ value: JSONValue, id: String?) throws(ChatRowError) -> TokenizedDialogue? {
        guard let given = value["input_ids"], !given.isNull else { return nil }
        guard let ids = given.array?.compactMap({ $0.integer.flatMap(Int32.init(exactly:)) }),
            ids.count == given.array?.count, ids.allSatisfy({ $0 >= 0 })
        else { throw ChatRowError(id: id, problem: "'input_ids' is no list of token ids") }
        guard let mask = value["loss_mask"]?.array?.compactMap({ $0.integer.flatMap(UInt8.init(exactly:)) }),
            mask.count == value["loss_mask"]?.array?.count, mask.allSatisfy({ $0 <= 1 })
        else { throw ChatRowError(id: id, problem: "'loss_mask' is no list of 0 and 1, which 'input_ids' needs") }
        guard ids.count == mask.count else {
            throw ChatRowError(
                id: id, problem: "has \(ids.count) 'input_ids' and a 'loss_mask' of \(mask.count)",
                kind: "'input_ids' and 'loss_mask' differ in length")
        }
        guard !ids.isEmpty else { throw ChatRowError(id: id, problem: "'input_ids' is empty") }
        return TokenizedDialogue(ids: ids, lossMask: mask)
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
            throw ChatRowError(
                id: id, problem: "its messages are \(value.kind), not a list", kind: "its messages are no list")
        }
        var messages: [ChatMessage] = []
        for (index, entry) in list.enumerated() {
            guard let name = entry["role"]?.string ?? entry["from"]?.string else {
                throw ChatRowError(
                    id: id, problem: "message \(index) has no 'role' or 'from'",
                    kind: "a message has no 'role' or 'from'")
            }
            guard let role = role(name) else {
                throw ChatRowError(
                    id: id, problem: "message \(index) has the role '\(name)', which is not known",
                    kind: "a message has a role that is not known")
            }
            guard let content = content(entry["content"] ?? entry["value"] ?? entry["text"]) else {
                throw ChatRowError(
                    id: id, problem: "message \(index) has no text in 'content' or 'value'",
                    kind: "a message has no text in 'content' or 'value'")
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
