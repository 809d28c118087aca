import FalconJSON
import FalconTensor
import Foundation

/// Attempts that are made, beside the shards until there are enough: `self-prompts.partial.jsonl`. Its first line says
/// what they are drawn with, the others are in the order in which the attempts ended.
final class SelfPromptJournal {
    /// Those of earlier runs, by number.
    let attempts: [Int: SelfPromptAttempt]
    private let lines: LineJournal

    /// - Throws: `FileError` where the file is one of other settings, or cannot be read or written.
    init(path: String, identity: JSONObject) throws {
        var attempts: [Int: SelfPromptAttempt] = [:]
        var hasIdentity = false
        lines = try LineJournal(path: path) { value in
            if !hasIdentity {
                guard let theirs = value["drawn_with"]?.object else { return false }
                try SelfPromptFile.require(identity, theirs, path)
                hasIdentity = true
                return true
            }
            guard let number = value["attempt"]?.integer, let text = value["text"]?.string,
                let tokens = value["tokens"]?.integer, attempts[number] == nil
            else { return false }
            var fault: UserTurnFault?
            if let name = value["dropped"]?.string {
                guard let known = UserTurnFault(rawValue: name) else { return false }
                fault = known
            }
            attempts[number] = SelfPromptAttempt(text: text, fault: fault, tokens: tokens)
            return true
        }
        self.attempts = attempts
        guard !hasIdentity else { return }
        var first = JSONObject()
        first.append("drawn_with", .object(identity))
        try lines.append(first)
    }

    func add(_ attempt: SelfPromptAttempt, number: Int) throws {
        var line = JSONObject()
        line.append("attempt", .integer(number))
        line.append("text", .string(attempt.text))
        line.append("tokens", .integer(attempt.tokens))
        if let fault = attempt.fault { line.append("dropped", .string(fault.rawValue)) }
        try lines.append(line)
    }
}

/// A finished `self-prompts.jsonl`.
struct SelfPromptFile {
    /// The lines of the dialogues that were kept.
    let content: [UInt8]
    private let wanted, kept: Int
    private let dropped: [String: Int]

    /// - Throws: `FileError` where it is one of other settings, or is not whole.
    init(path: String, identity: JSONObject, wanted: Int) throws {
        guard let bytes = FileManager.default.contents(atPath: path).map(Array.init) else {
            throw FileError(path, "cannot be read; remove it, or take another output folder")
        }
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        let values = lines.map { try? JSONParser.parse(Array($0)) }
        guard let last = values.last ?? nil, let theirs = last["drawn_with"]?.object,
            let earlier = last["wanted"]?.integer
        else {
            throw FileError(
                path, "does not end with what its prompts were drawn with; remove it, or take another output folder")
        }
        try SelfPromptFile.require(identity, theirs, path)
        guard earlier == wanted else {
            throw FileError(
                path, "holds the prompts for \(earlier) dialogues, not \(wanted); take another output folder")
        }
        var (content, kept, dropped) = ([UInt8](), 0, [String: Int]())
        for (line, value) in zip(lines, values).dropLast() {
            if let reason = value?["dropped"]?.string {
                dropped[reason, default: 0] += 1
            } else {
                content += Array(line) + [UInt8(ascii: "\n")]
                kept += 1
            }
        }
        (self.content, self.wanted, self.kept, self.dropped) = (content, wanted, kept, dropped)
    }

    func report(seconds: Double) -> SelfPromptReport {
        SelfPromptReport(
            wanted: wanted, attempts: kept + dropped.values.reduce(0, +), kept: kept, dropped: dropped,
            seconds: seconds)
    }

    static func require(_ mine: JSONObject, _ theirs: JSONObject, _ path: String) throws {
        for key in Set(mine.keys).union(theirs.keys).sorted() {
            let (now, then) = (mine[key], theirs[key])
            guard now != then else { continue }
            throw FileError(
                path,
                "its prompts were drawn otherwise: \(key) is \(now?.text() ?? "unset"), not "
                    + "\(then?.text() ?? "unset"); take another output folder")
        }
    }
}
