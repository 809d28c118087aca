import FalconDigest
import FalconTensor
import Foundation

/// Making a new folder of shards out of finished ones.
package enum ShardCollection {
    /// What merging did.
    package struct Merged: Sendable, Equatable {
        package let shards: Int
        package let sequences: Int
        package let tokens: Int
        /// Shards whose bytes an earlier one has too; they were left out.
        package let repeatedShards: Int
    }

    /// Copies the shards of several folders into a new one and numbers them through.
    ///
    /// - Throws: `FileError` where the folders are not of one kind, a shard is not what its manifest says, or the
    ///   output holds something already.
    package static func merge(_ folders: [String], into output: String) throws -> Merged {
        let manifests = try folders.map { try ShardManifest(folder: $0) }
        let description = manifests[0].description
        for (folder, manifest) in zip(folders, manifests) {
            if let difference = manifest.description.difference(from: description) {
                throw FileError(folder, "cannot be merged with \(folders[0]): its \(difference)")
            }
        }
        try requireEmpty(output)
        var settings = commonSettings(manifests)
        settings["merged_folders"] = "\(folders.count)"
        let target = try ShardFolder(path: output, description: description, settings: settings)
        var known: Set<String> = []
        var (count, repeated, sequences, tokens) = (0, 0, 0, 0)
        for (folder, manifest) in zip(folders, manifests) {
            for facts in manifest.shards {
                guard known.insert(facts.sha256).inserted else {
                    repeated += 1
                    continue
                }
                try copy((folder as NSString).appendingPathComponent(facts.file), to: target.shardPath(count))
                let contents = ShardContents(
                    sequences: facts.sequences, tokens: facts.tokens, lossTokens: facts.lossTokens, bytes: facts.bytes)
                let copied = try target.record(count, contents, skipped: facts.skipped, failed: facts.failed)
                guard copied.sha256 == facts.sha256 else {
                    throw FileError(
                        (folder as NSString).appendingPathComponent(facts.file),
                        "its sha256 is \(copied.sha256), not \(facts.sha256) as in the manifest; make it again")
                }
                (count, sequences, tokens) = (count + 1, sequences + facts.sequences, tokens + facts.tokens)
            }
        }
        return Merged(shards: count, sequences: sequences, tokens: tokens, repeatedShards: repeated)
    }

    /// Writes some sequences, drawn evenly without repetition, to a new folder, in their stored order.
    ///
    /// - Parameters:
    ///   - count: 1 or more; all where there are fewer.
    ///   - sequencesPerShard: how the new folder is cut.
    /// - Returns: the numbers of the sequences.
    @discardableResult
    package static func sample(
        _ store: FeatureStore, count: Int, seed: UInt64, into output: String, sequencesPerShard: Int = 256,
        pool: ThreadPool
    ) throws -> [Int] {
        try requireEmpty(output)
        var random = RandomSource(seed: seed).stream("sample")
        let chosen = Array((0..<store.count).shuffled(using: &random).prefix(count)).sorted()
        var settings = commonSettings([store.manifest])
        settings["sample"] = "\(chosen.count) of \(store.count), seed \(seed)"
        let target = try ShardFolder(path: output, description: store.description, settings: settings)
        for (shard, start) in stride(from: 0, to: chosen.count, by: sequencesPerShard).enumerated() {
            let writer = try ShardWriter(
                path: target.shardPath(shard), description: store.description, pool: pool)
            for index in chosen[start..<min(start + sequencesPerShard, chosen.count)] {
                try writer.append(store.stored(at: index))
            }
            try target.record(shard, writer.finish())
        }
        return chosen
    }

    /// Settings with the values of all folders, those that differ side by side.
    private static func commonSettings(_ manifests: [ShardManifest]) -> [String: String] {
        var settings: [String: String] = [:]
        for key in Set(manifests.flatMap(\.settings.keys)) {
            var values: [String] = []
            for value in manifests.map({ $0.settings[key] ?? "unset" }) where !values.contains(value) {
                values.append(value)
            }
            settings[key] = values.joined(separator: " + ")
        }
        return settings
    }

    private static func requireEmpty(_ folder: String) throws {
        let contents = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        guard contents.isEmpty else { throw FileError(folder, "is not empty; give the name of a new folder") }
    }

    private static func copy(_ source: String, to path: String) throws {
        let file = try MappedFile(path: source)
        try AtomicFile.write(path) { copy in
            let piece = 1 << 22
            for start in stride(from: 0, to: file.count, by: piece) {
                try copy.write(file.bytes(start..<min(start + piece, file.count)))
            }
        }
    }
}
