import FalconJSON
import FalconTensor
import FalconTokenizer
import Foundation

/// The answered dialogues of one shard as JSON lines, `shard-00000.regenerated.jsonl`: kept dialogue by dialogue, so
/// that a run that was stopped goes on behind the last whole line, and of use by itself, since `falcon-gen-data` reads
/// it as a data set (messages, and the very tokens with their loss mask).
///
/// Only who holds the claim on the shard writes it.
final class RegenerationJournal {
    private let path: String
    private let rows: [Int]
    /// What earlier runs answered, in the order of `rows`.
    private let finished: [RegeneratedDialogue]
    private var next = 0
    private let file: FileHandle

    /// - Parameters:
    ///   - rows: numbers of the shard's rows, in order.
    ///   - ids: their names.
    /// - Throws: `FileError` where the file cannot be read or written.
    init(path: String, rows: [Int], ids: [String]) throws {
        (self.path, self.rows) = (path, rows)
        let content = FileManager.default.contents(atPath: path).map(Array.init) ?? []
        let earlier = RegenerationJournal.read(content, rows, ids)
        finished = earlier.dialogues
        do {
            if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
            file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            // Half a line, or one that belongs to something else, and all behind it.
            try file.truncate(atOffset: UInt64(earlier.end))
            try file.seekToEnd()
        } catch {
            throw FileError(path, "cannot keep the answers: \(error.localizedDescription)")
        }
    }

    deinit { try? file.close() }

    /// The next row's answer, from an earlier run or made now.
    func dialogue(_ make: () throws -> RegeneratedDialogue) throws -> RegeneratedDialogue {
        defer { next += 1 }
        if next < finished.count { return finished[next] }
        let dialogue = try make()
        let line = RegenerationJournal.line(dialogue, row: rows[next])
        do {
            try file.write(contentsOf: Data((line + "\n").utf8))
        } catch {
            throw FileError(path, "writing it failed: \(RegenerationJournal.words(error))")
        }
        return dialogue
    }

    private static func words(_ error: any Error) -> String {
        let inner = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        return (inner ?? error as NSError).localizedDescription
    }

    private static func line(_ dialogue: RegeneratedDialogue, row: Int) -> String {
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
        case .failure(.skipped(let reason)): object.append("skipped", .string(reason))
        case .failure(.failed(let reason)): object.append("failed", .string(reason))
        }
        return JSONValue.object(object).text()
    }

    /// The whole lines at the file's start that belong to the shard's rows, and where they end.
    private static func read(
        _ content: [UInt8], _ rows: [Int], _ ids: [String]
    ) -> (dialogues: [RegeneratedDialogue], end: Int) {
        var (dialogues, start) = ([RegeneratedDialogue](), 0)
        while dialogues.count < rows.count, let end = content[start...].firstIndex(of: UInt8(ascii: "\n")) {
            guard let value = try? JSONParser.parse(content, in: start..<end),
                value["row"]?.integer == rows[dialogues.count], value["id"]?.string == ids[dialogues.count],
                let result = result(value, id: ids[dialogues.count])
            else { break }
            dialogues.append(RegeneratedDialogue(id: ids[dialogues.count], result: result))
            start = end + 1
        }
        return (dialogues, start)
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
