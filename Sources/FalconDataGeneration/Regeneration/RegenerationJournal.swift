import FalconJSON
import FalconTensor
import FalconTokenizer

/// The answered dialogues of one shard as JSON lines, `shard-00000.regenerated.jsonl`: kept dialogue by dialogue as
/// they end, so that a run that was stopped loses only those under way, and brought into the rows' order when all are
/// there. Of use by itself, since `falcon-gen-data` reads it as a data set (messages, and the very tokens with their
/// loss mask).
///
/// Only who holds the claim on the shard writes it.
final class RegenerationJournal {
    /// What earlier runs answered, by row.
    let finished: [Int: RegeneratedDialogue]
    private let lines: LineJournal
    /// The rows of the file's lines.
    private var order: [Int]

    /// - Parameters:
    ///   - ids: the names of the shard's rows, by their numbers.
    /// - Throws: `FileError` where the file cannot be read or written.
    init(path: String, ids: [Int: String]) throws {
        var (finished, order) = ([Int: RegeneratedDialogue](), [Int]())
        lines = try LineJournal(path: path) { value in
            guard let row = value["row"]?.integer, let id = ids[row], value["id"]?.string == id, finished[row] == nil,
                let result = RegenerationJournal.result(value, id: id)
            else { return false }
            var dialogue = RegeneratedDialogue(id: id, result: result)
            dialogue.fault = value["question_dropped"]?.string.flatMap(UserTurnFault.init(rawValue:))
            finished[row] = dialogue
            order.append(row)
            return true
        }
        (self.finished, self.order) = (finished, order)
    }

    /// Keeps a row's answer.
    func add(_ dialogue: RegeneratedDialogue, row: Int) throws {
        try lines.append(RegenerationJournal.line(dialogue, row: row))
        order.append(row)
    }

    /// Brings the lines into the rows' order, when every row has one.
    func finish() throws { try lines.sort { order[$0] } }

    private static func line(_ dialogue: RegeneratedDialogue, row: Int) -> JSONObject {
        var object = JSONObject()
        object.append("row", .integer(row))
        object.append("id", .string(dialogue.id))
        switch dialogue.result {
        case .success(let conversation):
            object.append("messages", .array(dialogue.messages.map { .object($0.fields) }))
            var arguments = JSONObject()
            for member in dialogue.variables.members {
                if ["tools", "documents"].contains(member.key) {
                    object.append(member.key, member.value)
                } else {
                    arguments.append(member.key, member.value)
                }
            }
            if arguments.count > 0 { object.append("template_arguments", .object(arguments)) }
            object.append("input_ids", .array(conversation.tokens.map { .integer(Int($0)) }))
            object.append("loss_mask", .array(conversation.lossMask.map { .integer(Int($0)) }))
            object.append("cut", .boolean(conversation.isTruncated))
            if let fault = dialogue.fault { object.append("question_dropped", .string(fault.rawValue)) }
        case .failure(.skipped(let reason)): object.append("skipped", .string(reason))
        case .failure(.failed(let reason)): object.append("failed", .string(reason))
        }
        return object
    }

    private static func result(_ value: JSONValue, id: String) -> Result<Conversation, Rejection>? {
        if let reason = value["skipped"]?.string { return .failure(.skipped(reason)) }
        if let reason = value["failed"]?.string { return .failure(.failed(reason)) }
        guard let ids = value["input_ids"]?.array, let mask = value["loss_mask"]?.array, let cut = value["cut"]?.boolean
        else { return nil }
        let tokens = ids.compactMap { $0.integer.flatMap(Int32.init(exactly:)) }
        let lossMask = mask.compactMap { $0.integer.flatMap(UInt8.init(exactly:)) }
        guard tokens.count == ids.count, lossMask.count == tokens.count else { return nil }
        return .success(Conversation(id: id, tokens: tokens, lossMask: lossMask, isTruncated: cut))
    }
}
