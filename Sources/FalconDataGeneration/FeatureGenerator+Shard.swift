import FalconShards
import FalconTensor
import FalconTokenizer
import Synchronization

/// Making one shard.
extension FeatureGenerator {
    /// Makes a shard and records it.
    ///
    /// - Parameter progress: told how many of the shard's conversations and tokens are done; what it throws drops the
    ///   shard, which leaves nothing behind.
    func make(
        _ shard: Int, progress: (_ conversations: Int, _ tokens: Int) throws -> Void
    ) throws -> (facts: ShardFacts, truncated: Int) {
        let writer = try ShardWriter(path: folder.shardPath(shard), description: folder.description, pool: pool)
        var (skipped, failed): ([String: Int], [String: Int]) = ([:], [:])
        // Counted once in all parts together, with the first shard.
        if shard == 0, unreadableCount > 0 { skipped["its row cannot be read"] = unreadableCount }
        var (done, tokens, truncated) = (0, 0, 0)
        var batch: [Conversation] = []
        let batchTokens = options.batchTokens ?? 2048 * pool.threadCount

        func write() throws {
            for (conversation, features) in zip(batch, features(of: batch)) {
                do {
                    try writer.append(
                        FeatureSequence(
                            id: conversation.id, tokens: conversation.tokens, lossMask: conversation.lossMask,
                            features: features))
                } catch let problem as FeatureProblem {
                    failed[problem.description, default: 0] += 1
                }
                tokens += conversation.tokens.count
            }
            batch = []
            try progress(done, tokens)
        }

        for dialogue in dialogues(of: shard) {
            do {
                let conversation = try encoder.encode(dialogue)
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

    /// The target's features of each conversation, `[tokens, hidden]`.
    ///
    /// Where there are enough conversations, each thread takes whole ones, longest first; that leaves no thread waiting
    /// at the end of every small product. Few conversations share all threads instead. Each row's result is the same
    /// either way: the target is batch-invariant and independent of threads.
    private func features(of batch: [Conversation]) -> [Tensor] {
        guard pool.threadCount > 1, batch.count >= 2 * pool.threadCount else {
            return batch.map { features(of: $0, on: pool) }
        }
        let order = batch.indices.sorted { batch[$0].tokens.count > batch[$1].tokens.count }
        let alone = ThreadPool(threadCount: 1)
        let results = Mutex<[Int: Tensor]>([:])
        pool.run(order.count) { piece in
            let index = order[piece]
            let result = features(of: batch[index], on: alone)
            results.withLock { $0[index] = result }
        }
        let all = results.withLock { $0 }
        return batch.indices.compactMap { all[$0] }
    }

    private func features(of conversation: Conversation, on pool: ThreadPool) -> Tensor {
        sequences.features(of: conversation.tokens, on: pool)
    }
}
