import FalconJSON
import FalconTokenizer

/// What to ask: a dialogue's system messages and its user turns. The answers are the model's own.
package struct PromptDialogue: Sendable, Equatable {
    package let id: String
    package let category: String?
    /// Messages before the first turn.
    package let preface: [ChatMessage]
    package let turns: [String]
    /// What the row gives its template besides messages, e.g. `tools`.
    package let variables: JSONObject
    /// Whether turns were left out because the dialogue calls tools before them.
    package let endsAtCall: Bool

    /// - Throws: `DecodingError` where nobody asks anything.
    package init(_ dialogue: Dialogue) throws {
        id = dialogue.id
        category = dialogue.category
        preface = Array(dialogue.messages.prefix { $0.role.isSystem })
        variables = dialogue.variables
        // What follows a call stands on the tool's answer, which the model has not had.
        let own = dialogue.messages.prefix { $0.role != "tool" && $0.toolCalls.isEmpty }
        turns = own.filter { $0.role == .user }.map(\.content)
        endsAtCall = own.count < dialogue.messages.count
        guard !turns.isEmpty else { throw DecodingError.noTurn(dialogue: id) }
    }

    /// One question.
    package init(prompt: String) { self.init(id: "prompt", turns: [prompt]) }

    /// Questions without a category.
    init(id: String, turns: [String]) {
        (self.id, category, preface, self.turns) = (id, nil, [], turns)
        (variables, endsAtCall) = (JSONObject(), false)
    }

    /// Reads a question file (`question_id`, `turns`) or a chat dataset, of which the user's messages are asked.
    ///
    /// - Parameter limit: the most dialogues to take, from the start.
    /// - Returns: the dialogues, and one line for each row that is left out.
    /// - Throws: `FileError` or `TokenizerError` where the file is no dataset, `DecodingError` where it holds no
    ///   question.
    package static func read(_ path: String, limit: Int?) throws -> (dialogues: [PromptDialogue], problems: [String]) {
        let reading = try DatasetFile.read(path)
        var (rows, problems) = (reading.dialogues, reading.problems.map(\.description))
        if let limit { rows = Array(rows.prefix(limit)) }
        var dialogues: [PromptDialogue] = []
        for row in rows {
            do {
                dialogues.append(try PromptDialogue(row))
            } catch let error as DecodingError {
                problems.append("\(error)")
            }
        }
        guard !dialogues.isEmpty else { throw DecodingError.noPrompts(path: path) }
        var calling = RowRemarks()
        for dialogue in dialogues where dialogue.endsAtCall { calling.add([.answeredToCall], of: dialogue.id) }
        problems += calling.lines
        return (dialogues, problems)
    }
}
