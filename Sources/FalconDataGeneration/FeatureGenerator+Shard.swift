import FalconShards
import FalconTokenizer
import Foundation

/// Making one shard.
extension FeatureGenerator {
    /// A shard whose sequences are all with its writer.
    struct WrittenShard {
        /// Synced, named and recorded beside the next shard's passes.
        let completion: ShardCompletion
        let isOwn: Bool
        let truncated: Int
        let failures: [String]
        /// Why the target's own questions end early, and how often.
        let faults: [String: Int]
        /// In which no pass ran for the sake of the file.
        let writingSeconds: Double
    }

    /// Makes a shard, but for its completion.
    ///
    /// - Parameter progress: told how many of the shard's conversations and tokens are done; what it throws drops the
    ///   shard, which leaves nothing behind.
    func make(
        _ shard: Int, _ claim: ShardClaim, isOwn: Bool, _ queue: AnswerQueue?,
        progress: (_ conversations: Int, _ tokens: Int) throws -> Void
    ) throws -> WrittenShard {
        let writer = try ShardWriter(
            path: folder.shardPath(shard), description: folder.description, level: options.zstdLevel, pool: pool)
        let limit = selection.shardLimits?[shard]
        var (skipped, failed): ([String: Int], [String: Int]) = ([:], [:])
        // Counted once in all parts together, with the first shard.
        if shard == 0 {
            skipped = input.unreadable
            if selection.leftOutCount > 0 { skipped[FeatureGenerator.beyondBudget] = selection.leftOutCount }
        }
        var (done, tokens, truncated, writingSeconds) = (0, 0, 0, 0.0)
        var failures: [String] = []
        var faults: [String: Int] = [:]
        var batch: [Conversation] = []
        let batchTokens = options.batchTokens ?? 2048 * pool.threadCount

        func write() throws {
            let sequences = source.sequences(of: batch, on: pool)
            let start = ProcessInfo.processInfo.systemUptime
            for (sequence, encoded) in zip(sequences, writer.encode(sequences)) {
                tokens += sequence.length
                switch encoded {
                case .success(let stored):
                    if let limit, try !writer.fits(stored, within: limit) {
                        skipped[FeatureGenerator.beyondBudget, default: 0] += 1
                    } else {
                        try writer.append(stored)
                    }
                case .failure(let problem):
                    failed[problem.description, default: 0] += 1
                    failures.append("'\(sequence.id)', token \(problem.token): \(problem)")
                }
            }
            writingSeconds += ProcessInfo.processInfo.systemUptime - start
            batch = []
            try progress(done, tokens)
        }

        let answers = try queue.map { try $0.opened(shard) ?? openAnswers(shard) }
        for row in rows(of: shard) {
            let result: Result<Conversation, Rejection>
            if let answers, let queue {
                let answer = try queue.answer(row, of: answers) { try progress(done, tokens) }
                if let fault = answer.fault { faults[fault.rawValue, default: 0] += 1 }
                result = answer.result
            } else {
                result = Result { () throws(Rejection) in try input.conversation(row, options, source.encoder) }
            }
            do throws(Rejection) {
                let conversation = try result.get()
                if conversation.isTruncated { truncated += 1 }
                batch.append(conversation)
            } catch {
                switch error {
                case .skipped(let reason): skipped[reason, default: 0] += 1
                case .failed(let reason): failed[reason, default: 0] += 1
                }
            }
            done += 1
            if batch.reduce(0, { $0 + $1.tokens.count }) >= batchTokens { try write() }
        }
        try answers?.finish()
        try write()
        return WrittenShard(
            completion: ShardCompletion(of: shard, writer, claim, in: folder, skipped: skipped, failed: failed),
            isOwn: isOwn, truncated: truncated, failures: failures, faults: faults, writingSeconds: writingSeconds)
    }

    private static let beyondBudget = "it does not fit the budget"

    /// Answers the rows; `nil` where the data set's own answers are taken.
    func makeQueue(_ offers: ShardOffers) -> AnswerQueue? {
        guard let regenerator else { return nil }
        let (input, dropsDuplicates) = (input, options.dropsDuplicates)
        return AnswerQueue(regenerator, batch: batch, shardRows: options.conversationsPerShard) { row in
            (input.dialogues[row], isLeftOut: dropsDuplicates && input.repeats.contains(row))
        } openNext: { [unowned self] in
            try offers.takeAhead().map(openAnswers)
        }
    }

    /// What earlier runs answered of a shard that this process has claimed.
    private func openAnswers(_ shard: Int) throws -> ShardAnswers {
        let rows = Array(rows(of: shard))
        let ids = Dictionary(uniqueKeysWithValues: rows.map { ($0, input.dialogues[$0].id) })
        return ShardAnswers(
            shard: shard, rows: rows,
            journal: try RegenerationJournal(path: folder.shardPath(shard).dropLast(3) + ".regenerated.jsonl", ids: ids)
        )
    }
}

extension GenerationInput {
    /// Says that no conversation of a data set is of use, and why most are not.
    static func useless(_ count: Int, _ reason: String?) -> String {
        let which = count == 1 ? "its only conversation is not of use" : "none of its \(count) conversations is of use"
        return which + ": " + (reason ?? "no reason")
    }

    static let repeated = Rejection.skipped("it repeats an earlier dialogue word for word")

    /// A row as tokens.
    ///
    /// - Throws: `Rejection`.
    func conversation(
        _ row: Int, _ options: GenerationOptions, _ encoder: ConversationEncoder
    ) throws(Rejection) -> Conversation {
        if options.dropsDuplicates, repeats.contains(row) { throw GenerationInput.repeated }
        return try encoder.encode(dialogues[row])
    }
}
