import FalconDigest
import FalconShards
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@Suite struct ShardCompletionTests {
    private func begin(_ shards: ShardFolder, threads: Int) throws -> (writer: ShardWriter, claim: ShardClaim)? {
        guard case .mine(let claim) = try ShardClaims(shards).take(0) else { return nil }
        let writer = try ShardWriter(
            path: shards.shardPath(0), description: shards.description, chunkRows: 3,
            pool: ThreadPool(threadCount: threads))
        for encoded in writer.encode(ShardExamples.sequences([90, 80, 100, 33])) { try writer.append(encoded.get()) }
        return (writer, claim)
    }

    @Test(arguments: [1, 3])
    func `a shard completed on a thread of its own is the one that is completed at once`(threads: Int) throws {
        let folder = try TemporaryFolder()
        let shards = try ShardFolder(
            path: folder.file("out"), description: ShardExamples.description(.bfloat16), settings: [:])
        let begun = try #require(try begin(shards, threads: threads))
        let facts = try ShardCompletion(
            of: 0, begun.writer, begun.claim, in: shards, skipped: ["no use": 2], failed: [:]
        ).facts()
        #expect(try shards.finishedShard(0) == facts && facts.skipped == ["no use": 2])
        try ShardExamples.write(
            ShardExamples.sequences([90, 80, 100, 33]), shards.description, to: folder.file("once.h5"), chunkRows: 3)
        #expect(try facts.sha256 == SHA256Digest.hexadecimal(ofFile: folder.file("once.h5")))
        #expect(facts.sequences == 4 && facts.tokens == 303)
    }

    @Test func `one that cannot be completed says so and leaves no file`() throws {
        let folder = try TemporaryFolder()
        let shards = try ShardFolder(
            path: folder.file("out"), description: ShardExamples.description(.bfloat16), settings: [:])
        let begun = try #require(try begin(shards, threads: 2))
        // A folder cannot be replaced by a file.
        try FileManager.default.createDirectory(atPath: shards.shardPath(0), withIntermediateDirectories: true)
        let completion = ShardCompletion(of: 0, begun.writer, begun.claim, in: shards, skipped: [:], failed: [:])
        let line = refusal { _ = try completion.facts() }
        #expect(line?.contains("shard-00000.h5: renaming it into place") == true, "\(line ?? "")")
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.file("out"))
        #expect(!left.contains { $0.contains("partial") })
    }
}
