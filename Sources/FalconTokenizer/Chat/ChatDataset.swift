import FalconJSON

/// Reads chat data and question sets in the forms that are in use:
///
/// - ShareGPT: `{"id": ..., "conversations": [{"from": "human", "value": ...}, ...]}`
/// - messages: `{"messages": [{"role": "user", "content": ...}, ...]}`, also under `conversations`
/// - EAGLE's `question.jsonl`: `{"question_id": 81, "category": "writing", "turns": ["...", "..."]}`
/// - plain prompts: `{"prompt": "..."}`
/// - tokens: `{"input_ids": [...], "loss_mask": [...]}`, beside messages or alone
///
/// as a JSON list or one object a line.
package enum ChatDataset {
    /// - Returns: the dialogues in the file's order, and one line for each row that is left out, naming it.
    /// - Throws: `TokenizerError` where the file cannot be read or is not JSON at all.
    package static func read(_ path: String) throws -> (dialogues: [Dialogue], problems: [String]) {
        try parse(FileContent.bytes(of: path), path: path)
    }

    /// - Parameters:
    ///   - bytes: the content of such a file.
    ///   - path: what errors call it.
    /// - Throws: `TokenizerError` where it is not JSON at all.
    package static func parse(_ bytes: [UInt8], path: String) throws -> (dialogues: [Dialogue], problems: [String]) {
        let reading = try rows(bytes, path: path)
        return (reading.dialogues, reading.problems.map(\.description))
    }

    /// As `parse`, with the kind of each problem.
    package static func rows(
        _ bytes: [UInt8], path: String
    ) throws -> (dialogues: [Dialogue], problems: [RowProblem]) {
        let content = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3..<bytes.count : 0..<bytes.count
        guard let first = bytes[content].first(where: { !isSpace($0) }) else { throw TokenizerError(path, "is empty") }
        if bytes.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
            throw TokenizerError(path, "is compressed; unpack it first, with zstd -d")
        }
        var reading = Reading()
        if first == UInt8(ascii: "[") {
            do {
                for (row, value) in (try value(bytes, content).array ?? []).enumerated() {
                    reading.add(value, row: row)
                }
            } catch {
                throw TokenizerError(path, "is not JSON: \(error)")
            }
        } else {
            try readLines(bytes, content, path, into: &reading)
        }
        return (reading.dialogues, reading.problems)
    }

    private static func readLines(
        _ bytes: [UInt8], _ content: Range<Int>, _ path: String, into reading: inout Reading
    ) throws {
        var firstError: JSONError?
        var row = 0
        var readable = 0
        var start = content.lowerBound
        while start < content.upperBound {
            let end = bytes[start..<content.upperBound].firstIndex(of: 0x0a) ?? content.upperBound
            if bytes[start..<end].contains(where: { !isSpace($0) }) {
                do {
                    reading.add(try value(bytes, start..<end), row: row)
                    readable += 1
                } catch {
                    firstError = firstError ?? error
                    let problem = "row \(row): is not JSON: \(error)"
                    reading.problems.append(RowProblem(description: problem, kind: "is not JSON"))
                }
                row += 1
            }
            start = end + 1
        }
        guard readable == 0, let firstError else { return }
        // Not one object a line; perhaps one object over many lines.
        guard let value = try? value(bytes, content) else {
            throw TokenizerError(path, "is neither JSON nor JSON lines: \(firstError)")
        }
        reading = Reading()
        reading.add(value, row: 0)
    }

    /// Chats that were cut in the middle of a character hold halves of surrogate pairs.
    private static func value(_ bytes: [UInt8], _ range: Range<Int>) throws(JSONError) -> JSONValue {
        try JSONParser.parse(bytes, in: range, halfSurrogates: .replaced)
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0d).contains(byte)
    }

    /// What was read so far.
    private struct Reading {
        var dialogues: [Dialogue] = []
        var problems: [RowProblem] = []

        mutating func add(_ value: JSONValue, row: Int) {
            do {
                dialogues.append(try ChatRow(value, row: row).dialogue)
            } catch {
                let name = error.id.map { " (id '\($0)')" } ?? ""
                problems.append(RowProblem(description: "row \(row)\(name): \(error.problem)", kind: error.kind))
            }
        }
    }
}

/// Why a row of a data set is left out.
package struct RowProblem: Sendable, Equatable, CustomStringConvertible {
    /// One line that names the row.
    package let description: String
    /// The kind of problem, without names and numbers: what to count.
    package let kind: String
}
