import FalconJSON

/// Reads a row's messages out of its columns.
struct RowMessages {
    let id: String?
    private(set) var messages: [ChatMessage] = []
    private(set) var remarks: [RowRemark] = []
    /// Members of messages that are no part of any form.
    private(set) var unread: [String] = []

    init(id: String?) { self.id = id }

    private static let listColumns = ["conversations", "messages", "conversation", "dialogue", "dialog", "chat"]
    private static let questionColumns = ["prompt", "question", "instruction", "query", "problem", "input"]
    private static let answerColumns = [
        "completion", "response", "chosen", "answer", "output", "completions", "responses", "candidates",
    ]
    private static let pictureColumns = ["image", "images", "video", "videos", "audio", "audios"]

    /// The column with the row's messages: the first that holds any.
    mutating func list(_ columns: inout RowColumns) throws(ChatRowError) -> JSONValue? {
        for (name, value) in columns.takeAll(Self.pictureColumns) where !RowColumns.isEmpty(value) {
            throw ChatRowError(
                id: id, problem: "has the column '\(name)': only text can be read",
                kind: "has the column '\(name)', which is no text")
        }
        let lists = columns.takeAll(Self.listColumns).map { (name: $0.name, value: ChatRow.unpacked($0.value)) }
        guard let first = lists.first else { return nil }
        let full = lists.filter { $0.value.array?.isEmpty == false }
        guard let taken = full.first else { return first.value }
        if full.contains(where: { $0.value != taken.value }) { remarks.append(.severalLists(taken: taken.name)) }
        return taken.value
    }

    mutating func add(_ value: JSONValue) throws(ChatRowError) {
        guard let list = value.array else {
            throw ChatRowError(
                id: id, problem: "its messages are \(value.kind), not a list", kind: "its messages are no list")
        }
        // Questions and answers alternate.
        if !list.isEmpty, list.allSatisfy({ $0.string != nil }) {
            for (index, text) in list.enumerated() {
                messages.append(ChatMessage(role: index % 2 == 0 ? .user : .assistant, content: text.string ?? ""))
            }
            return
        }
        for entry in list {
            let message = try MessageReader(entry, number: messages.count, id: id)
            messages.append(message.message)
            remarks += message.remarks
            for name in message.unread where !unread.contains(name) { unread.append(name) }
        }
    }

    /// A question set's turns, all of them the user's, or messages under that name.
    mutating func add(turns value: JSONValue) throws(ChatRowError) {
        guard let list = value.array else { throw ChatRowError(id: id, problem: "'turns' is no list") }
        if list.first?.object != nil { return try add(value) }
        for (index, turn) in list.enumerated() {
            guard let text = turn.string else {
                throw ChatRowError(
                    id: id, problem: "turn \(index) is \(turn.kind), not a string", kind: "a turn is no string")
            }
            messages.append(ChatMessage(role: .user, content: text))
        }
    }

    /// A question and, where there is one, its answer, each in a column of its own.
    mutating func addQuestion(_ columns: inout RowColumns, isOptional: Bool) throws(ChatRowError) {
        let names = columns.names
        let chosen = columns.take(["chosen"])
        if let history = columns.take(["history"])?.value.array {
            for pair in history where pair.array?.count == 2 { try add(pair) }
        }
        guard let question = columns.take(Self.questionColumns) else {
            // Preference data may hold whole dialogues only.
            if let chosen, chosen.value.array != nil {
                _ = columns.take(["rejected"])
                remarks.append(.severalAnswers(taken: "'chosen'"))
                return try add(chosen.value)
            }
            if isOptional { return }
            var problem = "has no 'conversations', 'messages', 'turns', 'prompt' or 'input_ids'"
            let other = names.prefix(6).map { "'\($0)'" }.joined(separator: ", ")
            if !other.isEmpty { problem += ", but \(other)" }
            throw ChatRowError(
                id: id, problem: problem,
                kind: "has no 'conversations', 'messages', 'turns', 'prompt' or 'input_ids'")
        }
        if let text = question.value.string {
            let input = question.name == "input" ? nil : columns.take(["input"])?.value.string
            let more = input.flatMap { $0.isEmpty ? nil : "\n" + $0 } ?? ""
            messages.append(ChatMessage(role: .user, content: text + more))
        } else {
            try add(question.value)
        }
        guard let answer = chosen ?? columns.take(Self.answerColumns) else { return }
        try add(answer: answer.value, column: answer.name)
        if columns.take(["rejected"]) != nil { remarks.append(.severalAnswers(taken: "'\(answer.name)'")) }
        if columns.take(["label"])?.value.boolean == false {
            remarks.append(.labelledBad)
            messages = messages.map { ChatMessage($0.fields, isLearned: false) }
        }
    }

    private mutating func add(answer: JSONValue, column: String) throws(ChatRowError) {
        if let text = answer.string {
            messages.append(ChatMessage(role: .assistant, content: text))
        } else if let list = answer.array, let first = list.first {
            if first["role"] ?? first["from"] != nil {
                // The whole dialogue, or what follows the question.
                if list.contains(where: { ["user", "human"].contains(($0["role"] ?? $0["from"])?.string) }) {
                    messages = []
                }
                try add(answer)
            } else {
                if list.count > 1 { remarks.append(.severalAnswers(taken: "the first of '\(column)'")) }
                try add(answer: first, column: column)
            }
        } else if answer["role"] ?? answer["from"] != nil {
            try add(.array([answer]))
        } else if let text = ["text", "content", "response"].compactMap({ answer[$0]?.string }).first {
            messages.append(ChatMessage(role: .assistant, content: text))
        } else {
            throw ChatRowError(
                id: id, problem: "'\(column)' is \(answer.kind) without a text", kind: "'\(column)' is no answer")
        }
    }

    /// What concerns the whole row: its system column, its weight, how it begins.
    mutating func finish(_ columns: inout RowColumns, hasTokens: Bool) throws(ChatRowError) {
        addSystem(&columns)
        // Preference data repeats the dialogue beside its list of messages.
        if !columns.takeAll(["chosen", "rejected"]).isEmpty { remarks.append(.severalAnswers(taken: "'messages'")) }
        for (name, value) in columns.takeAll(MessageReader.weightNames) {
            guard let weight = MessageReader.weight(value) else {
                throw ChatRowError(
                    id: id, problem: "its '\(name)' is \(value.kind), not a number, true or false",
                    kind: "its '\(name)' is no number, true or false")
            }
            if weight == 0 {
                remarks.append(.weightZero)
                messages = messages.map { ChatMessage($0.fields, isLearned: false) }
            } else if weight != 1 {
                remarks.append(.weightRounded)
            }
        }
        // ShareGPT cuts long dialogues anywhere: a part that starts with an answer is read from the next question.
        let system = messages.prefix { $0.role.isSystem }
        let turns = messages.dropFirst(system.count).drop { $0.role == .assistant }
        guard hasTokens || !turns.isEmpty else {
            throw ChatRowError(
                id: id,
                problem: messages.contains { $0.role == .assistant } ? "has no message of a user" : "has no messages")
        }
        if system.count + turns.count < messages.count { remarks.append(.greeting) }
        messages = Array(system) + turns
        if messages.contains(where: { $0.role == .assistant && $0.isEmpty }) { remarks.append(.emptyAnswer) }
    }

    private mutating func addSystem(_ columns: inout RowColumns) {
        guard let (name, value) = columns.take(["system", "system_prompt", "system_message"]),
            let text = value.string, !text.isEmpty
        else { return }
        if let first = messages.first, first.role.isSystem {
            if first.content != text { remarks.append(.otherSystemColumn(name)) }
        } else {
            messages.insert(ChatMessage(role: .system, content: text), at: 0)
            remarks.append(.systemColumn(name))
        }
    }
}
