import FalconShards
import FalconTensor
import Foundation

/// Feature shards as an inspection meets them: a folder with its manifest, or one file by itself.
struct ShardSource {
    let path: String
    let description: ShardDescription
    let shardCount: Int
    let bytes: Int
    let sequences: [(id: String, length: Int)]
    /// The assistant's tokens as the manifest counts them; a file by itself does not say.
    let lossTokens: Int?
    /// Conversations that the manifest calls failed.
    let failedCount: Int
    /// Reads one sequence.
    let read: (Int) throws -> FeatureSequence
    /// Compares the files with their digests, where there are any.
    let verifyDigests: () throws -> Void

    /// - Parameter path: a folder with `manifest.json`, or a shard.
    /// - Throws: `FileError` or the reader's error where it cannot be opened.
    init(path: String) throws {
        self.path = path
        if path.hasSuffix(".h5") {
            let reader = try ShardReader(path: path)
            description = reader.description
            shardCount = 1
            bytes = try MappedFile(path: path).count
            sequences = reader.ids.indices.map { (reader.ids[$0], reader.length(of: $0)) }
            (lossTokens, failedCount) = (nil, 0)
            read = { try reader.sequence(at: $0) }
            verifyDigests = {}
        } else {
            let store = try FeatureStore(folder: path)
            let shards = store.manifest.shards
            description = store.description
            shardCount = shards.count
            bytes = shards.reduce(0) { $0 + $1.bytes }
            sequences = store.sequences
            lossTokens = shards.reduce(0) { $0 + $1.lossTokens }
            failedCount = shards.flatMap(\.failed).reduce(0) { $0 + $1.value }
            read = { try store.sequence(at: $0) }
            verifyDigests = { try store.verifyDigests() }
        }
    }
}
