import FalconDigest
import FalconTensor
import Foundation
import Synchronization

/// All sequences of a folder's finished shards, numbered through. Safe to use from several threads.
///
/// Opening reads names and lengths; rows are read when they are asked for. Few shards are open at a time, so a folder
/// may have more of them than a process may have open files.
package final class FeatureStore: FeatureSequences {
    package let folder: String
    package let manifest: ShardManifest
    /// What all shards have in common.
    package var description: ShardDescription { manifest.description }
    /// The name and the number of tokens of each sequence.
    package let sequences: [(id: String, length: Int)]
    /// The number of the first sequence of each shard.
    private let starts: [Int]
    private let open = Mutex<[(shard: Int, reader: ShardReader)]>([])
    private static let mostOpen = 8

    /// - Throws: `FileError` or `HDF5Error` where the manifest or a shard is damaged or they disagree.
    package init(folder: String) throws {
        self.folder = folder
        manifest = try ShardManifest(folder: folder)
        var sequences: [(id: String, length: Int)] = []
        var starts: [Int] = []
        for facts in manifest.shards {
            let reader = try FeatureStore.openShard(facts, folder, manifest.description)
            starts.append(sequences.count)
            sequences += reader.ids.enumerated().map { ($0.element, reader.length(of: $0.offset)) }
        }
        guard !sequences.isEmpty else {
            throw FileError(folder, "holds no sequences; let falcon-gen-data finish a shard")
        }
        (self.sequences, self.starts) = (sequences, starts)
    }

    /// The number of sequences.
    package var count: Int { sequences.count }
    package var path: String { folder }
    package var fingerprint: (name: String, digest: String) {
        let digests = manifest.shards.map(\.sha256).joined()
        return ("set of feature shards", SHA256Digest.hexadecimal(of: Array(digests.utf8)))
    }

    /// Reads a sequence.
    ///
    /// - Parameters:
    ///   - index: within `0..<count`; traps otherwise.
    ///   - limit: reads no more than so many of its first tokens.
    ///   - pool: decodes on several threads where it is given; leave it out on a background thread, since a pool does
    ///     one job at a time.
    package func sequence(at index: Int, limit: Int? = nil, on pool: ThreadPool? = nil) throws -> FeatureSequence {
        let (shard, place) = place(of: index)
        return try reader(shard).sequence(at: place, limit: limit, on: pool)
    }

    /// Reads sequences, each on one thread, straight from the mapped files: nothing goes through the HDF5 library and
    /// its lock.
    package func batch(_ indices: [Int], limit: Int? = nil, on pool: ThreadPool) throws -> [FeatureSequence] {
        try pool.map(indices.count) {
            let (shard, place) = place(of: indices[$0])
            return try reader(shard).uncheckedSequence(at: place, limit: limit)
        }
    }

    package func lossMask(_ index: Int) throws -> [UInt8] {
        let (shard, place) = place(of: index)
        return try reader(shard).lossMask(of: place)
    }

    package func text(_ index: Int) throws -> (tokens: [Int32], statistics: TeacherStatistics?) {
        let (shard, place) = place(of: index)
        return try reader(shard).text(of: place)
    }

    /// Reads a sequence with its features as they are stored, to copy it into another shard.
    package func stored(at index: Int) throws -> StoredSequence {
        let (shard, place) = place(of: index)
        return try reader(shard).stored(at: place)
    }

    private func place(of index: Int) -> (shard: Int, sequence: Int) {
        precondition((0..<count).contains(index), "sequence \(index) of \(folder), which has \(count)")
        // The last shard that starts at or before the sequence.
        var (low, high) = (0, starts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= index { low = middle } else { high = middle }
        }
        return (low, index - starts[low])
    }

    /// Reads every shard whole and compares it with its digest in the manifest.
    ///
    /// - Throws: `FileError` for the first shard that differs.
    package func verifyDigests() throws {
        for facts in manifest.shards {
            let path = (folder as NSString).appendingPathComponent(facts.file)
            let digest = try SHA256Digest.hexadecimal(ofFile: path)
            guard digest == facts.sha256 else {
                throw FileError(path, "its sha256 is \(digest), not \(facts.sha256) as in the manifest; make it again")
            }
        }
    }

    private func reader(_ shard: Int) throws -> ShardReader {
        let known = open.withLock { open -> ShardReader? in
            guard let place = open.firstIndex(where: { $0.shard == shard }) else { return nil }
            open.append(open.remove(at: place))
            return open[open.count - 1].reader
        }
        if let known { return known }
        let reader = try FeatureStore.openShard(manifest.shards[shard], folder, description)
        open.withLock { open in
            // The one that was not asked for the longest time goes.
            if open.count >= FeatureStore.mostOpen { open.removeFirst() }
            open.append((shard, reader))
        }
        return reader
    }

    private static func openShard(
        _ facts: ShardFacts, _ folder: String, _ description: ShardDescription
    ) throws -> ShardReader {
        let reader = try ShardReader(path: (folder as NSString).appendingPathComponent(facts.file))
        if let difference = reader.description.difference(from: description) {
            throw FileError(reader.path, "does not belong to its manifest: \(difference)")
        }
        guard reader.count == facts.sequences, reader.offsets[reader.count] == facts.tokens else {
            throw FileError(
                reader.path,
                "holds \(reader.count) sequences of \(reader.offsets[reader.count]) tokens where the "
                    + "manifest says \(facts.sequences) of \(facts.tokens)")
        }
        return reader
    }
}
