import FalconShards
import FalconTensor
import Foundation

/// A few conversations run through the target and written by the real writer, to learn what all of them will take.
///
/// Which ones and how much of them depends on the input alone, so every process that fills a folder finds the same
/// sizes.
struct StorageProbe {
    /// Tokens of features that were made.
    let tokens: Int
    /// Seconds of the target's passes.
    let forwardSeconds: Double
    /// For each storage: the length of a shard with these tokens, and the seconds that writing it took.
    let shards: [FeatureStorage: (bytes: Int, seconds: Double)]
    /// For each storage: the places among the conversations of those that cannot be stored, and why.
    let refused: [FeatureStorage: [Int: String]]

    /// About how many tokens are run.
    private static let wantedTokens = 4096
    /// No conversation takes more of them than this, so that several have a part.
    private static let mostOfOne = 512

    /// - Parameter storages: those to measure.
    /// - Throws: `FileError` where the temporary folder cannot be written to.
    init(
        _ rows: [Conversation], source: FeatureSource, storages: [FeatureStorage], level: Int
    ) throws {
        let start = ProcessInfo.processInfo.systemUptime
        let sequences = source.sequences(of: rows, on: source.pool)
        forwardSeconds = ProcessInfo.processInfo.systemUptime - start
        tokens = rows.reduce(0) { $0 + $1.tokens.count }

        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("falcon-probe-\(UUID().uuidString)")
        try ShardFolder.makeWritable(folder.path)
        defer { try? FileManager.default.removeItem(at: folder) }
        var shards: [FeatureStorage: (bytes: Int, seconds: Double)] = [:]
        var refused: [FeatureStorage: [Int: String]] = [:]
        for storage in storages {
            let start = ProcessInfo.processInfo.systemUptime
            let writer = try ShardWriter(
                path: folder.appendingPathComponent("\(storage).h5").path, description: source.description(storage),
                level: level, pool: source.pool)
            for (place, sequence) in sequences.enumerated() {
                do {
                    try writer.append(sequence)
                } catch let problem as FeatureProblem {
                    refused[storage, default: [:]][place] = problem.description
                }
            }
            let contents = try writer.finish()
            shards[storage] = (contents.bytes, ProcessInfo.processInfo.systemUptime - start)
        }
        (self.shards, self.refused) = (shards, refused)
    }

    /// The numbers of the rows to take: evenly spread over the input, each usable.
    static func choose(_ survey: ConversationSurvey) -> [Int] {
        let usable = survey.rows.indices.filter { survey.rows[$0].tokens > 0 }
        guard !usable.isEmpty else { return [] }
        let average = max(1, usable.reduce(0) { $0 + min(survey.rows[$1].tokens, mostOfOne) } / usable.count)
        let count = min(usable.count, max(1, wantedTokens / average))
        return (0..<count).map { usable[($0 * 2 + 1) * usable.count / (2 * count)] }
    }

    /// The first tokens of a conversation, as many as a probe takes of one.
    static func beginning(_ conversation: Conversation) -> Conversation {
        Conversation(
            id: conversation.id, tokens: Array(conversation.tokens.prefix(mostOfOne)),
            lossMask: Array(conversation.lossMask.prefix(mostOfOne)), isTruncated: conversation.isTruncated)
    }

    /// Bytes of a shard for each of its tokens.
    func bytesPerToken(_ storage: FeatureStorage) -> Double {
        Double(shards[storage]?.bytes ?? 0) / Double(max(1, tokens))
    }
}
