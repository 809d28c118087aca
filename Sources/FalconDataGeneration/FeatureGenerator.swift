import FalconDigest
import FalconModels
import FalconShards
import FalconTensor
import FalconTokenizer
import Foundation

/// Makes feature shards: chats -> template -> tokens and loss masks -> the target's features -> shards.
///
/// Shard s holds conversations `s * conversationsPerShard ..<` the next one's first, of the range that was asked for,
/// in the data set's order. So every process knows what is whose, a rerun goes on behind the last finished shard, and
/// the shards' bytes depend on neither threads, parts nor interruptions.
package final class FeatureGenerator {
    /// How far a run is, for whoever shows it.
    package struct Progress: Sendable {
        /// Conversations done, those of earlier runs included.
        package let conversations: Int
        /// Tokens that went through the target in this run.
        package let tokens: Int
    }

    /// Conversations that fall to this part.
    package private(set) var conversationCount: Int
    /// How many of them lie in shards that earlier runs finished.
    package private(set) var finishedCount: Int
    /// What a user should know before the work starts, a line each: the template and why, rows that cannot be read.
    package let notes: [String]

    let options: GenerationOptions
    let pool: ThreadPool
    let sequences: SequenceFeatures
    let encoder: ConversationEncoder
    let dialogues: ArraySlice<Dialogue>
    let unreadableCount: Int
    let folder: ShardFolder
    private let shards: [Int]

    /// Checks everything that can be wrong before the first pass: cheap things first, the weights last.
    ///
    /// - Throws: `FileError` or `TokenizerError`, naming the file or the option.
    package init(_ options: GenerationOptions, pool: ThreadPool) throws {
        (self.options, self.pool) = (options, pool)
        precondition(options.maxLength > 0 && options.conversationsPerShard > 0, "lengths and counts are above 0")
        let content = try CompressedFile.bytes(of: options.dataset)
        let dataset = try ChatDataset.parse(content, path: options.dataset)
        let range = options.range?.range(in: dataset.dialogues.count) ?? 0..<dataset.dialogues.count
        guard !range.isEmpty else {
            let problem = dataset.problems.first.map { "; \($0)" } ?? ""
            throw FileError(
                options.dataset, "has \(dataset.dialogues.count) readable conversations, none in the range\(problem)")
        }
        dialogues = dataset.dialogues[range]
        // With a range, rows that are no conversations belong to nobody's input.
        unreadableCount = options.range == nil ? dataset.problems.count : 0

        guard FileManager.default.fileExists(atPath: options.target + "/config.json") else {
            throw FileError(options.target, "is no model folder: it has no config.json")
        }
        let tokenizer = try Tokenizer(folder: options.target)
        let (template, reason) = try ChatTemplate.select(options.template, folder: options.target)
        try ShardFolder.makeWritable(options.output)
        let model = try TargetModel(folder: options.target, pool: pool)
        sequences = SequenceFeatures(model)
        let maxLength = min(options.maxLength, model.configuration.maxPositions)
        encoder = ConversationEncoder(
            template: template, tokenizer: tokenizer, vocabularySize: model.configuration.vocabularySize,
            maxLength: maxLength)
        folder = try ShardFolder(
            path: options.output,
            description: ShardDescription(
                hiddenSize: model.configuration.hiddenSize, storage: options.storage, maxLength: maxLength,
                targetFingerprint: model.fingerprint, tokenizerFingerprint: tokenizer.fingerprint),
            settings: [
                "dataset_sha256": SHA256Digest.hexadecimal(of: content),
                "range": "\(range.lowerBound):\(range.upperBound)",
                "conversations_per_shard": "\(options.conversationsPerShard)",
                "template": template.style.rawValue,
            ])

        let shardCount = (range.count + options.conversationsPerShard - 1) / options.conversationsPerShard
        shards = (0..<shardCount).filter(options.part.owns)
        notes = FeatureGenerator.notes(reason, maxLength, options, dataset.problems)
        (conversationCount, finishedCount) = (0, 0)
        for shard in shards {
            let count = dialogues(of: shard).count
            conversationCount += count
            if try folder.finishedShard(shard) != nil { finishedCount += count }
        }
    }

    /// Makes the shards that are missing.
    ///
    /// - Parameter progress: told after each batch; what it throws ends the run, with finished shards kept and no
    ///   half of one.
    /// - Throws: also `FileError` where a file cannot be written, or nothing in the whole input is of use.
    package func run(progress: (Progress) throws -> Void) throws -> GenerationReport {
        let start = ProcessInfo.processInfo.systemUptime
        var report = GenerationReport()
        var done = finishedCount
        for shard in shards {
            if let facts = try folder.finishedShard(shard) {
                report.add(facts)
                report.shardsKept += 1
                continue
            }
            let tokensBefore = report.tokensMade
            let made = try make(shard) { conversations, tokens in
                try progress(Progress(conversations: done + conversations, tokens: tokensBefore + tokens))
            }
            report.add(made.facts)
            report.shardsMade += 1
            report.tokensMade += made.facts.tokens
            report.truncated += made.truncated
            done += dialogues(of: shard).count
        }
        report.seconds = ProcessInfo.processInfo.systemUptime - start
        guard report.written > 0 || shards.isEmpty else {
            let reason = report.skipped.merging(report.failed, uniquingKeysWith: +).max { $0.value < $1.value }
            throw FileError(
                options.dataset, "none of its \(report.input) conversations is of use: \(reason?.key ?? "no reason")")
        }
        return report
    }

    /// The part of the data set that a shard holds.
    func dialogues(of shard: Int) -> ArraySlice<Dialogue> {
        let first = dialogues.startIndex + shard * options.conversationsPerShard
        return dialogues[first..<min(first + options.conversationsPerShard, dialogues.endIndex)]
    }

    private static func notes(
        _ template: String, _ maxLength: Int, _ options: GenerationOptions, _ problems: [String]
    ) -> [String] {
        var notes = ["template \(template)"]
        if maxLength < options.maxLength {
            notes.append(
                "the target has \(maxLength) positions: conversations are cut there, not at \(options.maxLength)")
        }
        let shown = 5
        notes += problems.prefix(shown).map { "\(options.dataset): \($0)" }
        if problems.count > shown { notes.append("and \(problems.count - shown) more rows that cannot be read") }
        return notes
    }
}
