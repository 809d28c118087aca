import FalconModels
import FalconShards
import FalconTensor
import Foundation

/// Makes feature shards: chats -> template -> tokens and loss masks -> the target's features -> shards.
///
/// Shard s holds conversations `s * conversationsPerShard ..<` the next one's first, of the rows that were asked for,
/// in the data set's order. So every process knows what is in which, a rerun goes on behind the last finished shard,
/// and the shards' bytes depend on neither threads, parts nor interruptions.
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
    let input: GenerationInput
    let source: FeatureSource
    let selection: RowSelection
    let regenerator: Regenerator?
    let folder: ShardFolder
    private let shards: GenerationParts

    /// Checks everything that can be wrong before the first pass: cheap things first, the weights last.
    ///
    /// - Throws: `FileError` or `TokenizerError`, naming the file or the option.
    package init(_ options: GenerationOptions, pool: ThreadPool) throws {
        (self.options, self.pool) = (options, pool)
        precondition(options.budget == nil || options.regeneration == nil, "a budget goes by the answers at hand")
        precondition(options.maxLength > 0 && options.conversationsPerShard > 0, "lengths and counts are above 0")
        input = try GenerationInput(options)
        source = try FeatureSource(options, pool: pool) { try ShardFolder.makeWritable(options.output) }
        var settings = [
            "dataset_sha256": input.digest,
            "range": "\(input.range.lowerBound):\(input.range.upperBound)",
            "conversations_per_shard": "\(options.conversationsPerShard)",
        ].merging(source.encoder.dialogues.template.settings) { $1 }
        // Folders that were begun before there was a choice name none.
        let arithmetic = source.model.ends.arithmetic
        if arithmetic != .float32 { settings["precision"] = arithmetic.rawValue }
        if options.dropsDuplicates { settings["drop_duplicates"] = "yes" }
        if options.zstdLevel != 3 { settings["zstd_level"] = "\(options.zstdLevel)" }
        let source = self.source
        regenerator = try options.regeneration.map { try Regenerator($0, source: source) }
        settings.merge(regenerator?.settings ?? [:]) { $1 }
        var notes =
            source.notes + input.notes + input.losses(source.encoder.dialogues, isAnswered: options.regeneration != nil)
        notes += regenerator?.notes ?? []
        if let budget = options.budget {
            let choice = try BudgetChoice(budget, options, input, source)
            selection = choice.selection
            settings.merge(choice.settings) { $1 }
            notes.append(choice.note)
        } else {
            selection = RowSelection(count: input.dialogues.count)
        }
        self.notes = notes
        folder = try ShardFolder(
            path: options.output,
            description: source.description(options.storage),
            settings: settings)

        let perShard = options.conversationsPerShard
        shards = GenerationParts(
            part: options.part, shardCount: (selection.rows.count + perShard - 1) / perShard)
        (conversationCount, finishedCount) = (0, 0)
        for shard in shards.own {
            let count = rows(of: shard).count
            conversationCount += count
            if try folder.finishedShard(shard) != nil { finishedCount += count }
        }
    }

    /// Makes the shards that are missing: this part's, then those of other parts that began in this folder and whose
    /// process has ended or has not come to them yet.
    ///
    /// - Parameter progress: told after each batch; what it throws ends the run, with finished shards kept and no
    ///   half of one.
    /// - Throws: also `FileError` where a file cannot be written, or nothing in the whole input is of use.
    package func run(progress: (Progress) throws -> Void) throws -> GenerationReport {
        let start = ProcessInfo.processInfo.systemUptime
        let claims = ShardClaims(folder)
        try claims.sweep()
        var report = GenerationReport()
        var done = finishedCount
        // Completed beside the passes of the next one; none is left behind, whatever happens.
        var last: Made?
        func settle(_ made: Made?) throws {
            guard let made else { return }
            let start = ProcessInfo.processInfo.systemUptime
            report.add(try made.completion.facts())
            report.writingSeconds += made.writingSeconds + ProcessInfo.processInfo.systemUptime - start
            report.shardsMade += 1
            report.shardsTakenOver += made.isOwn ? 0 : 1
            report.truncated += made.truncated
            report.add(failures: made.failures)
        }
        defer { _ = try? last?.completion.facts() }
        report.shardsHeld = try shards.forEach(claims) { shard, isOwn, answer in
            switch answer {
            case .finished(let facts):
                guard isOwn else { return }
                report.add(facts)
                report.shardsKept += 1
            case .held: break
            case .mine(let claim):
                let tokensBefore = report.tokensMade
                let made = try make(shard, claim, isOwn: isOwn) { conversations, tokens in
                    report.tokensMade = tokensBefore + tokens
                    try progress(
                        Progress(conversations: done + (isOwn ? conversations : 0), tokens: report.tokensMade))
                }
                done += isOwn ? rows(of: shard).count : 0
                let before = last
                last = made
                try settle(before)
            }
        }
        try settle(last)
        report.seconds = ProcessInfo.processInfo.systemUptime - start
        guard report.written > 0 || report.input == 0 else {
            try folder.abandon()
            let reason = report.skipped.merging(report.failed, uniquingKeysWith: +).max { $0.value < $1.value }
            throw FileError(
                options.dataset,
                GenerationInput.useless(report.input, reason?.key))
        }
        return report
    }

    /// The rows of the input that a shard holds.
    func rows(of shard: Int) -> ArraySlice<Int> {
        let first = shard * options.conversationsPerShard
        return selection.rows[first..<min(first + options.conversationsPerShard, selection.rows.count)]
    }
}
