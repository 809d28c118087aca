import FalconDigest
import FalconShards
import FalconTensor
import FalconTokenizer

/// The features of a data set's dialogues, made by the target whenever they are asked for and stored nowhere: what
/// `data.source = "online"` trains on.
///
/// The same sequences in the same order, and the same bits, as float32 shards of the same data set, template and
/// greatest length. The one difference: a dialogue whose features are not finite cannot be known beforehand; it is
/// here, and the trainer leaves out and names the batch that meets it.
package struct OnlineFeatures: FeatureSequences {
    /// The data set's file.
    package let path: String
    package let description: ShardDescription
    package let sequences: [(id: String, length: Int)]
    package let fingerprint: (name: String, digest: String)
    /// What a user should know, a line each: the template and why, rows that are of no use and why.
    package let notes: [String]
    private let source: FeatureSource
    private let conversations: [Conversation]

    /// Reads and tokenizes all dialogues; runs none.
    ///
    /// - Parameters:
    ///   - target: the target model's folder, tokenizer included.
    ///   - dataset: chats, as `GenerationOptions` takes them.
    ///   - template: as `TemplateChoice` names it.
    ///   - maxLength: tokens of a dialogue beyond this many are cut off.
    ///   - auxiliaryLayers: as `GenerationOptions` takes them.
    ///   - log: gets the notes.
    /// - Throws: `FileError` or `TokenizerError`, naming the file.
    package init(
        target: String, dataset: String, template: String, maxLength: Int, auxiliaryLayers: [Int] = [],
        pool: ThreadPool, log: (String) -> Void = { _ in }
    ) throws {
        var options = GenerationOptions(target: target, dataset: dataset, output: "")
        (options.template, options.maxLength) = (TemplateChoice(template), maxLength)
        options.auxiliaryLayers = auxiliaryLayers
        let input = try GenerationInput(options)
        let source = try FeatureSource(options, pool: pool)
        var conversations: [Conversation] = []
        var reasons = input.unreadable
        for row in input.dialogues.indices {
            do throws(Rejection) {
                conversations.append(try input.conversation(row, options, source.encoder))
            } catch {
                switch error {
                case .skipped(let reason), .failed(let reason): reasons[reason, default: 0] += 1
                }
            }
        }
        guard !conversations.isEmpty else {
            let reason = reasons.max { $0.value < $1.value }
            throw FileError(
                dataset, GenerationInput.useless(input.dialogues.count, reason?.key))
        }
        path = dataset
        description = source.description(.float32)
        sequences = conversations.map { ($0.id, $0.tokens.count) }
        let template = source.encoder.dialogues.template.settings.sorted { $0.key < $1.key }.map(\.value)
        let identity = "\(input.digest) \(template.joined(separator: " ")) \(source.encoder.maxLength)"
        fingerprint = ("data set or template", SHA256Digest.hexadecimal(of: Array(identity.utf8)))
        notes =
            source.notes + input.notes + input.losses(source.encoder.dialogues)
            + reasons.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "left out \($0.value): \($0.key)" }
        (self.source, self.conversations) = (source, conversations)
        notes.forEach(log)
    }

    package func lossMask(_ index: Int) throws -> [UInt8] { conversations[index].lossMask }

    package func text(_ index: Int) throws -> (tokens: [Int32], statistics: TeacherStatistics?) {
        (conversations[index].tokens, nil)
    }

    package func batch(_ indices: [Int], limit: Int?, on pool: ThreadPool) throws -> [FeatureSequence] {
        let batch = indices.map { index in
            let whole = conversations[index]
            guard let limit, limit < whole.tokens.count else { return whole }
            return Conversation(
                id: whole.id, tokens: Array(whole.tokens.prefix(limit)),
                lossMask: Array(whole.lossMask.prefix(limit)), isTruncated: true)
        }
        return source.sequences(of: batch, on: pool)
    }
}
