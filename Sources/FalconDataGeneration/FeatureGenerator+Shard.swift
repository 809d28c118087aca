import FalconShards
import FalconTokenizer

/// Making one shard.
extension FeatureGenerator {
    /// Makes a shard and records it.
    ///
    /// - Parameter progress: told how many of the shard's conversations and tokens are done; what it throws drops the
    ///   shard, which leaves nothing behind.
    func make(
        _ shard: Int, progress: (_ conversations: Int, _ tokens: Int) throws -> Void
    ) throws -> (facts: ShardFacts, truncated: Int) {
        let writer = try ShardWriter(
            path: folder.shardPath(shard), description: folder.description, level: options.zstdLevel, pool: pool)
        let limit = selection.shardLimits?[shard]
        var (skipped, failed): ([String: Int], [String: Int]) = ([:], [:])
        // Counted once in all parts together, with the first shard.
        if shard == 0 {
            skipped = input.unreadable
            if selection.leftOutCount > 0 { skipped[FeatureGenerator.beyondBudget] = selection.leftOutCount }
        }
        var (done, tokens, truncated) = (0, 0, 0)
        var batch: [Conversation] = []
        let batchTokens = options.batchTokens ?? 2048 * pool.threadCount

        func write() throws {
            for (conversation, features) in zip(batch, source.features(of: batch)) {
                tokens += conversation.tokens.count
                let sequence = FeatureSequence(
                    id: conversation.id, tokens: conversation.tokens, lossMask: conversation.lossMask,
                    features: features)
                do {
                    if let limit, try !writer.fits(sequence, within: limit) {
                        skipped[FeatureGenerator.beyondBudget, default: 0] += 1
                    } else {
                        try writer.append(sequence)
                    }
                } catch let problem as FeatureProblem {
                    failed[problem.description, default: 0] += 1
                }
            }
            batch = []
            try progress(done, tokens)
        }

        for row in rows(of: shard) {
            do throws(Rejection) {
                let conversation = try conversation(row)
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
        try write()
        let facts = try folder.record(shard, writer.finish(), skipped: skipped, failed: failed)
        return (facts, truncated)
    }

    private static let beyondBudget = "it does not fit the budget"

    /// A row of the input as tokens.
    private func conversation(_ row: Int) throws(Rejection) -> Conversation {
        try input.conversation(row, options, source.encoder)
    }
}

extension GenerationInput {
    /// A row as tokens.
    ///
    /// - Throws: `Rejection`.
    func conversation(
        _ row: Int, _ options: GenerationOptions, _ encoder: ConversationEncoder
    ) throws(Rejection) -> Conversation {
        if options.dropsDuplicates, repeats.contains(row) {
            throw .skipped("it repeats an earlier dialogue word for word")
        }
        return try encoder.encode(dialogues[row])
    }
}
