import FalconModels
import FalconShards
import FalconTensor
import FalconTokenizer
import Foundation
import Synchronization

/// The target with its tokenizer and template: dialogues to conversations, conversations to features.
struct FeatureSource: Sendable {
    let model: TargetModel
    private let whole: SequenceFeatures
    let tokenizer: Tokenizer
    let encoder: ConversationEncoder
    let pool: ThreadPool
    /// Of the `TeacherStatistics` that are made beside the features; `nil` for none.
    let teacherEntries: Int?
    /// Layers whose states stand beside the features.
    let auxiliaryLayers: [Int]
    /// What a user should know, a line each.
    let notes: [String]

    /// Cheap things first, the weights last.
    ///
    /// - Parameter beforeWeights: checks that are cheaper than opening the weights.
    /// - Throws: `FileError` or `TokenizerError`, naming the file or the option.
    init(_ options: GenerationOptions, pool: ThreadPool, beforeWeights: () throws -> Void = {}) throws {
        self.pool = pool
        let source = try ModelSource(path: options.target)
        tokenizer = try source.tokenizer()
        var choice = options.template
        // A folder goes on with the date that its first tokens have.
        if choice.now == nil, !options.output.isEmpty {
            choice.now = (try? ShardManifest(folder: options.output))?.settings[ChatTemplate.timeKey]
        }
        let template = try source.template(choice)
        try beforeWeights()
        model = try TargetModel(source, arithmetic: options.arithmetic, pool: pool)
        if let entries = options.teacherEntries, entries > model.configuration.vocabularySize {
            throw FileError(
                options.target,
                "has \(model.configuration.vocabularySize) tokens, fewer than --teacher-statistics \(entries) asks for")
        }
        if let layer = options.auxiliaryLayers.last, layer > model.configuration.layerCount {
            throw FileError(
                options.target,
                "has \(model.configuration.layerCount) layers, and there is no layer \(layer): give lower numbers as "
                    + "auxiliary layers")
        }
        (teacherEntries, auxiliaryLayers) = (options.teacherEntries, options.auxiliaryLayers)
        whole = SequenceFeatures(model, states: auxiliaryLayers)
        let maxLength = min(options.maxLength, model.configuration.positionLimit)
        encoder = ConversationEncoder(
            dialogues: DialogueEncoder(template, tokenizer), vocabularySize: model.configuration.vocabularySize,
            maxLength: maxLength)
        var notes = ["template: \(template.origin)"]
        if maxLength < options.maxLength {
            notes.append(
                "the target has \(maxLength) positions: conversations are cut there, not at \(options.maxLength)")
        }
        self.notes = notes
    }

    /// What shards of these features have in common.
    func description(_ storage: FeatureStorage) -> ShardDescription {
        ShardDescription(
            hiddenSize: model.configuration.hiddenSize, storage: storage, maxLength: encoder.maxLength,
            targetFingerprint: model.fingerprint, tokenizerFingerprint: tokenizer.fingerprint,
            teacherEntries: teacherEntries, auxiliaryLayers: auxiliaryLayers)
    }

    /// Conversations with the target's features, and its statistics where they are asked for.
    ///
    /// Where there are enough conversations, each thread takes whole ones, longest first; that leaves no thread waiting
    /// at the end of every small product. Few conversations share all threads instead. Each row's result is the same
    /// either way: the target is batch-invariant and independent of threads.
    func sequences(of batch: [Conversation], on pool: ThreadPool) -> [FeatureSequence] {
        guard pool.threadCount > 1, batch.count >= 2 * pool.threadCount else {
            return batch.map { sequence(of: $0, on: pool) }
        }
        let order = batch.indices.sorted { batch[$0].tokens.count > batch[$1].tokens.count }
        let alone = ThreadPool(threadCount: 1)
        let results = Mutex<[Int: FeatureSequence]>([:])
        pool.run(order.count) { piece in
            let index = order[piece]
            let result = sequence(of: batch[index], on: alone)
            results.withLock { $0[index] = result }
        }
        let all = results.withLock { $0 }
        return batch.indices.compactMap { all[$0] }
    }

    private func sequence(of conversation: Conversation, on pool: ThreadPool) -> FeatureSequence {
        let rows = conversation.features ?? whole.features(of: conversation.tokens, on: pool)
        let hidden = model.configuration.hiddenSize
        let features = AuxiliaryLayers.features(of: rows, hidden: hidden)
        let states = AuxiliaryLayers.states(of: rows, hidden: hidden)
        return FeatureSequence(
            id: conversation.id, tokens: conversation.tokens, lossMask: conversation.lossMask, features: features,
            statistics: teacherEntries.map { statistics(features, $0, on: pool) },
            auxiliary: states.map { AuxiliaryFeatures(layers: auxiliaryLayers, rows: $0) })
    }

    /// In pieces, so that `[tokens, vocabulary]` never exists.
    private func statistics(_ features: Tensor, _ entryCount: Int, on pool: ThreadPool) -> TeacherStatistics {
        let piece = 64
        let parts = stride(from: 0, to: features.rowCount, by: piece).flatMap { start in
            let rows = features.rows(start..<min(start + piece, features.rowCount))
            let part = TeacherStatistics(logits: model.logits(rows, on: pool), entryCount: entryCount)
            return (0..<part.rowCount).map { (part, $0) }
        }
        return .gather(parts)
    }
}
