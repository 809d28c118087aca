import FalconDecoding
import FalconJSON
import FalconShards
import FalconTensor
import FalconTokenizer
import Foundation

/// How far the target is with writing prompts.
package struct SelfPromptProgress: Sendable {
    /// Prompts kept so far; of their tokens, and those of dropped ones, all that this run decoded.
    package internal(set) var kept = 0
    package internal(set) var tokens = 0
}

/// Dialogues' first turns that the target writes itself, beside the shards as JSON lines (`self-prompts.jsonl`): those
/// that are kept as messages, the others with the reason, in the order of their attempts, then one line that says what
/// they were drawn with.
///
/// They are written before any is answered, because a duplicate is one wherever it stands. Each process of a folder
/// waits for the one that is at it; processes with folders of their own write the same file each.
struct SelfPrompts {
    let report: SelfPromptReport
    /// The dialogues that were kept, as JSON lines.
    let content: [UInt8]
    /// Texts that were decoded in one pass; `nil` where an earlier run wrote the prompts and nothing is left to do.
    let batch: Int?
    let notes: [String]

    static func path(_ folder: String) -> String {
        (folder as NSString).appendingPathComponent("self-prompts.jsonl")
    }

    /// - Throws: `FileError` where the file is one of other settings or cannot be written, or no attempt is of use.
    init(
        _ writer: UserTurnWriter, _ source: FeatureSource, _ options: GenerationOptions, pool: ThreadPool,
        progress: (SelfPromptProgress) throws -> Void
    ) throws {
        let path = SelfPrompts.path(options.output)
        let draft = try writer.first(limit: source.encoder.maxLength)
        let identity = SelfPrompts.identity(writer.options, source)
        let size = options.regeneration?.batch ?? .automatic
        let choice = try size.resolve(source, pool: pool) { try progress(SelfPromptProgress()) }
        var seconds = 0.0
        let partial = path.replacingOccurrences(of: ".jsonl", with: ".partial.jsonl")
        while !FileManager.default.fileExists(atPath: path) {
            // Given back by the system when the process ends, however it does.
            guard let lock = try FolderLock(file: partial) else {
                try progress(SelfPromptProgress())
                Thread.sleep(forTimeInterval: 0.2)
                continue
            }
            defer { withExtendedLifetime(lock) {} }
            if !FileManager.default.fileExists(atPath: path) {
                let start = systemSeconds()
                let engine = DecodingEngine(
                    target: source.model, head: nil, shape: nil,
                    options: DecodingEngine.Options(
                        maximumTexts: choice.texts, cacheBytes: options.regeneration?.cacheBytes),
                    pool: pool)
                let tally = try SelfPrompts.run(
                    draft, writer.options, DecodingTasks(engine, limit: choice.texts),
                    SelfPromptJournal(path: partial, identity: identity), progress)
                try SelfPrompts.write(tally, writer, identity, path)
                seconds = systemSeconds() - start
            }
            try? FileManager.default.removeItem(atPath: partial)
        }
        let file = try SelfPromptFile(path: path, identity: identity, wanted: writer.options.count)
        content = file.content
        report = file.report(seconds: seconds)
        batch = choice.texts
        var notes = [choice.note].compactMap(\.self) + report.lines
        if report.kept < report.wanted {
            notes.append(
                "only \(report.kept) of the \(report.wanted) dialogues that were asked for: "
                    + "\(counted(report.attempts, "attempt")) are the most that are made")
        }
        self.notes = notes
        guard report.kept > 0 else {
            try? FileManager.default.removeItem(atPath: path)
            throw FileError(
                options.target,
                "writes no user's turn of use: of \(counted(report.attempts, "attempt")) all are dropped; "
                    + "is it a model of chats, and --template its own?")
        }
    }

    /// Makes attempts until enough are kept.
    static func run(
        _ draft: UserTurnDraft, _ options: SelfPromptOptions, _ tasks: DecodingTasks<SelfPromptTask>,
        _ journal: SelfPromptJournal, _ progress: (SelfPromptProgress) throws -> Void
    ) throws -> SelfPromptTally {
        var tally = SelfPromptTally(wanted: options.count, attemptLimit: options.attemptLimit)
        for (number, attempt) in journal.attempts.sorted(by: { $0.key < $1.key }) {
            tally.take(attempt, number: number)
        }
        var (next, tokens) = (0, 0)
        while !tally.isComplete {
            while !tasks.isFull, next < options.attemptLimit,
                tally.hopes(underWay: tasks.underWay.count) < options.count
            {
                if journal.attempts[next] == nil {
                    try tasks.add(SelfPromptTask(draft, attempt: next), key: next)
                }
                next += 1
            }
            for (number, attempt) in try tasks.pass(receive: { tokens += $1.tokens.count }) {
                try journal.add(attempt, number: number)
                tally.take(attempt, number: number)
            }
            try progress(SelfPromptProgress(kept: tally.kept, tokens: tokens))
        }
        return tally
    }

    private static func write(
        _ tally: SelfPromptTally, _ writer: UserTurnWriter, _ identity: JSONObject, _ path: String
    ) throws {
        try AtomicFile.write(path) { file in
            for (number, (attempt, fault)) in tally.decided.enumerated() {
                var line = JSONObject()
                line.append("id", .string("self-\(number)"))
                if let fault {
                    line.append("dropped", .string(fault.rawValue))
                    line.append("text", .string(attempt.text))
                } else {
                    let messages = writer.preface + [ChatMessage(role: .user, content: attempt.text)]
                    line.append("messages", .array(messages.map { .object($0.fields) }))
                }
                try file.write(Array((JSONValue.object(line).text() + "\n").utf8))
            }
            var summary = JSONObject()
            summary.append("drawn_with", .object(identity))
            summary.append("wanted", .integer(tally.wanted))
            try file.write(Array((JSONValue.object(summary).text() + "\n").utf8))
        }
    }

    /// What decides the attempts.
    private static func identity(_ options: SelfPromptOptions, _ source: FeatureSource) -> JSONObject {
        var object = JSONObject()
        object.append("target", .string(source.model.fingerprint))
        object.append("tokenizer", .string(source.tokenizer.fingerprint))
        object.append("precision", .string(source.model.ends.arithmetic.rawValue))
        for (key, value) in source.encoder.dialogues.template.settings.sorted(by: { $0.key < $1.key }) {
            object.append(key, .string(value))
        }
        object.append("max_length", .integer(source.encoder.maxLength))
        object.append("drawing", .string(options.drawing))
        return object
    }
}
