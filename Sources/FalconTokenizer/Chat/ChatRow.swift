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
    /// Columns of the row that nothing was done with, and members of its messages, as "messages: NAME".
    let unread: [String]

    init(_ value: JSONValue, row: Int) throws(ChatRowError) {
        guard let object = value.object else {
            throw ChatRowError(id: nil, problem: "is \(value.kind), not an object", kind: "is no object")
        }
        let given = Self.name(value["id"]) ?? Self.name(value["question_id"])
        if let reason = value["skipped"]?.string ?? value["failed"]?.string, value["row"]?.integer != nil {
            throw ChatRowError(
                id: given, problem: "was left out when it was answered: \(reason)",
                kind: "was left out when it was answered")
        }
        var columns = RowColumns(object, id: given)
        let tokenized = try Self.tokenized(&columns)
        var reader = RowMessages(id: given)
        if let list = try reader.list(&columns) {
            try reader.add(list)
        } else if let turns = columns.take(["turns"])?.value {
            try reader.add(turns: turns)
        } else {
            try reader.addQuestion(&columns, isOptional: tokenized != nil)
        }
        try reader.finish(&columns, hasTokens: tokenized != nil)
        let variables = Self.variables(&columns)
        dialogue = Dialogue(
            id: given ?? "row-\(row)", messages: reader.messages, category: Self.name(value["category"]),
            tokenized: tokenized, variables: variables, remarks: tokenized == nil ? reader.remarks : [])
        unread = columns.unread + reader.unread.map { "messages: \($0)" }
    }

    /// `input_ids` with `loss_mask`, one as long as the other; `nil` where the row has no `input_ids`.
    private static func tokenized(_ columns: inout RowColumns) throws(ChatRowError) -> TokenizedDialogue? {
        guard let given = columns.take(["input_ids"])?.value else { return nil }
        let id = columns.id
        guard let ids = integers(given, Int32.self), ids.allSatisfy({ $0 >= 0 }) else {
            throw ChatRowError(id: id, problem: "'input_ids' is no list of token ids")
        }
        var (mask, name): ([UInt8]?, String) = (nil, "loss_mask")
        if let column = columns.take(["loss_mask", "assistant_masks", "assistant_mask", "completion_mask"]) {
            name = column.name
            mask = integers(column.value, UInt8.self).flatMap { $0.allSatisfy { $0 <= 1 } ? $0 : nil }
        } else if let column = columns.take(["labels"]) {
            // Hugging Face's: the ids themselves, -100 where the loss does not look.
            name = column.name
            if let labels = integers(column.value, Int32.self), labels.count == ids.count,
                zip(labels, ids).allSatisfy({ $0 == -100 || $0 == $1 })
            {
                mask = labels.map { $0 == -100 ? 0 : 1 }
            }
        }
        guard let mask else {
            throw ChatRowError(
                id: id,
                problem: name == "labels"
                    ? "'labels' is not its 'input_ids' with some of them replaced by -100"
                    : "'\(name)' is no list of 0 and 1, which 'input_ids' needs")
        }
        guard ids.count == mask.count else {
            throw ChatRowError(
                id: id, problem: "has \(ids.count) 'input_ids' and a '\(name)' of \(mask.count)",
                kind: "'input_ids' and '\(name)' differ in length")
        }
        guard !ids.isEmpty else { throw ChatRowError(id: id, problem: "'input_ids' is empty") }
        return TokenizedDialogue(ids: ids, lossMask: mask)
    }

    private static func integers<Value: FixedWidthInteger>(_ list: JSONValue, _ type: Value.Type) -> [Value]? {
        guard let list = list.array else { return nil }
        let values = list.compactMap { $0.integer.flatMap(Value.init(exactly:)) ?? $0.boolean.map { $0 ? 1 : 0 } }
        return values.count == list.count ? values : nil
    }

    /// An id or category: a string, or a whole number as in EAGLE's question sets.
    private static func name(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text)?: text.isEmpty ? nil : text
        case .integer(let number)?: String(number)
        default: nil
        }
    }

    /// What a template gets besides the messages. Data sets often keep lists as JSON in a string.
    private static func variables(_ columns: inout RowColumns) -> JSONObject {
        var variables = JSONObject()
        if let tools = columns.take(["tools", "functions"])?.value, let list = unpacked(tools).array, !list.isEmpty {
            variables.append("tools", .array(list.map(tool)))
        }
        if let documents = columns.take(["documents"])?.value, let list = unpacked(documents).array, !list.isEmpty {
            variables.append("documents", .array(list))
        }
        for column in ["chat_template_kwargs", "template_arguments"] {
            guard let members = columns.take([column]).map({ unpacked($0.value) })?.object?.members else { continue }
            for member in members { variables.append(member.key, member.value) }
        }
        return variables
    }

    /// OpenAI's first form of a function, and that of other data sets, in the one that templates know.
    private static func tool(_ value: JSONValue) -> JSONValue {
        guard value["function"] == nil, value["name"]?.string != nil,
            value["type"]?.string.map({ $0 == "function" }) ?? true
        else { return value }
        var object = JSONObject()
        object.append("type", .string("function"))
        object.append("function", value)
        return .object(object)
    }

    /// The list or object that a string holds as JSON, or the value itself.
    static func unpacked(_ value: JSONValue) -> JSONValue {
        guard let text = value.string, let first = text.first(where: { !$0.isWhitespace }), "[{".contains(first),
            let inner = try? JSONParser.parse(Array(text.utf8), halfSurrogates: .replaced)
        else { return value }
        return inner
    }
}

/// The columns of a row that are not empty, each looked at once, so that those nobody looked at can be named.
struct RowColumns {
    let id: String?
    private var left: [(name: String, value: JSONValue)]

    /// Names, figures and the like, which say nothing about the dialogue itself.
    private static let expected: Set<String> = [
        "id", "question_id", "category", "reference", "attention_mask", "row", "cut", "token_type_ids", "position_ids",
    ]

    init(_ object: JSONObject, id: String?) {
        self.id = id
        left = object.members.filter { !$0.value.isNull }.map { ($0.key, $0.value) }
    }

    /// The first of these columns that the row has and that is not null.
    mutating func take(_ names: [String]) -> (name: String, value: JSONValue)? {
        for name in names {
            if let place = left.firstIndex(where: { $0.name == name }) { return left.remove(at: place) }
        }
        return nil
    }

    /// Takes all of these columns.
    mutating func takeAll(_ names: [String]) -> [(name: String, value: JSONValue)] {
        let taken = names.compactMap { name in left.first { $0.name == name } }
        left.removeAll { names.contains($0.name) }
        return taken
    }

    var names: [String] { left.map(\.name) }

    var unread: [String] {
        left.filter { !Self.expected.contains($0.name) && !Self.isEmpty($0.value) }.map(\.name)
    }

    static func isEmpty(_ value: JSONValue) -> Bool {
        value.isNull || value.string?.isEmpty == true || value.array?.isEmpty == true || value.object?.count == 0
    }
}
