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
    package private(set) var notes: [String]

    let options: GenerationOptions
    let pool: ThreadPool
    let input: GenerationInput
    let source: FeatureSource
    let selection: RowSelection
    let regenerator: Regenerator?
    let folder: ShardFolder
    /// Dialogues that are answered in one pass; 1 where none are.
    private(set) var batch = 1
    private let selfPrompts: SelfPromptReport?
    private let shards: GenerationParts

    /// Checks everything that can be wrong before the first pass: cheap things first, the weights last. Where the
    /// target writes the prompts itself, it does so here.
    ///
    /// - Parameter prompting: told how far it is with that; what it throws ends the work, which a rerun goes on with.
    /// - Throws: `FileError` or `TokenizerError`, naming the file or the option.
    package init(
        _ options: GenerationOptions, pool: ThreadPool, prompting: (SelfPromptProgress) throws -> Void = { _ in }
    ) throws {
        (self.options, self.pool) = (options, pool)
        precondition(options.budget == nil || options.regeneration == nil, "a budget counts the answers of the rows")
        precondition(options.maxLength > 0 && options.conversationsPerShard > 0, "lengths and counts are above 0")
        precondition(options.selfPrompts == nil || options.regeneration != nil, "prompts without answers")
        let given = options.selfPrompts == nil ? try GenerationInput(options) : nil
        let source = try FeatureSource(options, pool: pool) { try ShardFolder.makeWritable(options.output) }
        let writer = options.selfPrompts.map { UserTurnWriter($0, source) }
        var notes = source.notes
        let written = try writer.map { try SelfPrompts($0, source, options, pool: pool, progress: prompting) }
        if let written { notes += written.notes }
        (self.source, selfPrompts) = (source, written?.report)
        input = try given ?? GenerationInput(options, content: written?.content)
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
        if let prompts = options.selfPrompts { settings["self_prompts"] = prompts.setting }
        let regenerator = try options.regeneration.map { try Regenerator($0, source: source, writer: writer) }
        self.regenerator = regenerator
        settings.merge(regenerator?.settings ?? [:]) { $1 }
        notes += input.notes + input.losses(source.encoder.dialogues, isAnswered: options.regeneration != nil)
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
        if let written {
            batch = written.batch ?? 1
        } else if let regeneration = options.regeneration, finishedCount < conversationCount {
            let choice = try regeneration.batch.resolve(source, pool: pool) { try prompting(SelfPromptProgress()) }
            batch = choice.texts
            if let note = choice.note { self.notes.append(note) }
        }
        if finishedCount < conversationCount,
            let note = try regenerator?.calibrate(
                input.dialogues, texts: batch, check: { try prompting(SelfPromptProgress()) })
        {
            self.notes.append(note)
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
        let offers = ShardOffers(claims, own: shards.own)
        let queue = makeQueue(offers)
        var report = GenerationReport()
        report.selfPrompts = selfPrompts
        var done = finishedCount
        // Completed beside the passes of the next one; none is left behind, whatever happens.
        var last: WrittenShard?
        func settle(_ made: WrittenShard?) throws {
            guard let made else { return }
            let start = ProcessInfo.processInfo.systemUptime
            report.add(try made.completion.facts())
            report.writingSeconds += made.writingSeconds + ProcessInfo.processInfo.systemUptime - start
            report.shardsMade += 1
            report.shardsTakenOver += made.isOwn ? 0 : 1
            report.truncated += made.truncated
            report.selfPrompts?.laterTurnsDropped.merge(made.faults, uniquingKeysWith: +)
            report.add(failures: made.failures)
        }
        defer { _ = try? last?.completion.facts() }
        report.shardsHeld = try shards.forEach(offers) { shard, isOwn, answer in
            switch answer {
            case .finished(let facts):
                guard isOwn else { return }
                report.add(facts)
                report.shardsKept += 1
            case .held: break
            case .mine(let claim):
                let tokensBefore = report.tokensMade
                let made = try make(shard, claim, isOwn: isOwn, queue) { conversations, tokens in
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
        if let queue { report.setAnswers(tokens: queue.tokens, seconds: queue.seconds, batch: batch) }
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
