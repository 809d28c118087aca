import FalconJSON

/// Reads chat data and question sets in the forms that are in use:
///
/// - ShareGPT: `{"id": ..., "conversations": [{"from": "human", "value": ...}, ...]}`
/// - messages: `{"messages": [{"role": "user", "content": ...}, ...]}`, also under `conversations`
/// - EAGLE's `question.jsonl`: `{"question_id": 81, "category": "writing", "turns": ["...", "..."]}`
/// - a question in one column and its answer in another: prompt and completion, response or chosen, Alpaca's three
///   fields, question and answer
/// - plain prompts: `{"prompt": "..."}`
/// - tokens: `{"input_ids": [...], "loss_mask": [...]}`, beside messages or alone
///
/// as a JSON list or one object a line. What a row says beyond that is honoured, or remarked on: see `RowRemark`.
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

    /// As `parse`, with the kind of each problem and what was not read.
    package static func rows(_ bytes: [UInt8], path: String) throws -> ChatReading {
        if let foreign = ForeignFile.problem(bytes) { throw TokenizerError(path, foreign) }
        let content = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3..<bytes.count : 0..<bytes.count
        guard let first = bytes[content].first(where: { !isSpace($0) }) else { throw TokenizerError(path, "is empty") }
        var reading = ChatReading()
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
        return reading
    }

    private static func readLines(
        _ bytes: [UInt8], _ content: Range<Int>, _ path: String, into reading: inout ChatReading
    ) throws {
        var firstError: (line: Int, error: JSONError)?
        // Rows are counted from 0, as options and ids count them, lines from 1, as editors do, blank ones too.
        var (row, line) = (0, 0)
        var readable = 0
        var start = content.lowerBound
        while start < content.upperBound {
            let end = bytes[start..<content.upperBound].firstIndex(of: 0x0a) ?? content.upperBound
            line += 1
            if bytes[start..<end].contains(where: { !isSpace($0) }) {
                do {
                    reading.add(try value(bytes, start..<end), row: row, line: line)
                    readable += 1
                } catch {
                    firstError = firstError ?? (line, error)
                    let problem = "row \(row) (line \(line)): is not JSON: \(error.withoutLine)"
                    reading.problems.append(RowProblem(description: problem, kind: "is not JSON"))
                }
                row += 1
            }
            start = end + 1
        }
        guard readable == 0, let firstError else { return }
        // Not one object a line; perhaps one object over many lines.
        guard let value = try? value(bytes, content) else {
            throw TokenizerError(
                path, "is neither JSON nor JSON lines: line \(firstError.line), \(firstError.error.withoutLine)")
        }
        reading = ChatReading()
        reading.add(value, row: 0)
    }

    /// Chats that were cut in the middle of a character hold halves of surrogate pairs.
    private static func value(_ bytes: [UInt8], _ range: Range<Int>) throws(JSONError) -> JSONValue {
        try JSONParser.parse(bytes, in: range, halfSurrogates: .replaced)
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0d).contains(byte)
    }
}

/// What a data set holds.
package struct ChatReading: Sendable {
    /// In the file's order.
    package private(set) var dialogues: [Dialogue] = []
    /// One for each row that is left out.
    package fileprivate(set) var problems: [RowProblem] = []
    /// Columns that no row's reading looked at, in the order in which they first came up, and members of messages that
    /// are part of no form, as "messages: NAME".
    package private(set) var unread: [String] = []
    private var unreadKnown: Set<String> = []

    /// - Parameter line: where the row has one of its own.
    fileprivate mutating func add(_ value: JSONValue, row: Int, line: Int? = nil) {
        do {
            let read = try ChatRow(value, row: row)
            dialogues.append(read.dialogue)
            for name in read.unread where unreadKnown.insert(name).inserted { unread.append(name) }
        } catch {
            let place = [line.map { "line \($0)" }, error.id.map { "id '\($0)'" }].compactMap(\.self)
            let row = "row \(row)" + (place.isEmpty ? "" : " (\(place.joined(separator: ", ")))")
            problems.append(RowProblem(description: "\(row): \(error.problem)", kind: error.kind))
        }
    }

    private static let mostNamesShown = 12

    /// What a user should know about these dialogues of the set, a line each; nothing where every row was read whole.
    package func notes(of dialogues: some Sequence<Dialogue>) -> [String] {
        var lines = RowRemarks(dialogues).lines
        if !unread.isEmpty {
            let names = unread.prefix(Self.mostNamesShown).map { "'\($0)'" }.joined(separator: ", ")
            let more = unread.count - Self.mostNamesShown
            lines.append("not read: \(names)" + (more > 0 ? " and \(more) more" : ""))
        }
        return lines
    }
}

/// Why a row of a data set is left out.
package struct RowProblem: Sendable, Equatable, CustomStringConvertible {
    /// One line that names the row.
    package let description: String
    /// The kind of problem, without names and numbers: what to count.
    package let kind: String
}
