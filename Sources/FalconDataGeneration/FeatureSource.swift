import FalconModels
import FalconTensor
import FalconTokenizer
import Foundation
import Synchronization

/// The target with its tokenizer and template: dialogues to conversations, conversations to features.
struct FeatureSource: Sendable {
    let model: TargetModel
    private let sequences: SequenceFeatures
    let tokenizer: Tokenizer
    let encoder: ConversationEncoder
    let pool: ThreadPool
    /// What a user should know, a line each.
    let notes: [String]

    /// Cheap things first, the weights last.
    ///
    /// - Parameter beforeWeights: checks that are cheaper than opening the weights.
    /// - Throws: `FileError` or `TokenizerError`, naming the file or the option.
    init(_ options: GenerationOptions, pool: ThreadPool, beforeWeights: () throws -> Void = {}) throws {
        self.pool = pool
        guard FileManager.default.fileExists(atPath: options.target + "/config.json") else {
            throw FileError(options.target, "is no model folder: it has no config.json")
        }
        tokenizer = try Tokenizer(folder: options.target)
        let (template, reason) = try ChatTemplate.select(options.template, folder: options.target)
        try beforeWeights()
        model = try TargetModel(folder: options.target, arithmetic: options.arithmetic, pool: pool)
        sequences = SequenceFeatures(model)
        let maxLength = min(options.maxLength, model.configuration.positionLimit)
        encoder = ConversationEncoder(
            template: template, tokenizer: tokenizer, vocabularySize: model.configuration.vocabularySize,
            maxLength: maxLength)
        var notes = ["template \(reason)"]
        if maxLength < options.maxLength {
            notes.append(
                "the target has \(maxLength) positions: conversations are cut there, not at \(options.maxLength)")
        }
        self.notes = notes
    }

    /// The target's features of each conversation, `[tokens, hidden]`.
    ///
    /// Where there are enough conversations, each thread takes whole ones, longest first; that leaves no thread waiting
    /// at the end of every small product. Few conversations share all threads instead. Each row's result is the same
    /// either way: the target is batch-invariant and independent of threads.
    func features(of batch: [Conversation]) -> [Tensor] { features(of: batch, on: pool) }

    /// The same on another pool than the one that the source was made with.
    func features(of batch: [Conversation], on pool: ThreadPool) -> [Tensor] {
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
