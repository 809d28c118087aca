import FalconTensor
import Foundation

/// Folders in which runs have made nothing: no sequence, no answer that a later run goes on from, and nobody is at it.
/// Such a folder is bound to no settings.
extension ShardFolder {
    /// Takes back what this run left of a folder in which nothing was made.
    ///
    /// - Throws: `FileError` where the folder cannot be read or locked.
    package func abandon() throws {
        try locked {
            guard try !holdsSequences(), try !isInUse(exceptBy: .own) else { return }
            try forget()
            unsafe unlink(file(ShardManifest.fileName))
        }
    }

    /// Whether nothing in the folder is worth keeping. For who holds the lock.
    func isEmpty() throws -> Bool {
        guard try !holdsSequences(), try !isInUse(exceptBy: nil) else { return false }
        // A journal of answers is work, too, though no shard is finished.
        return try names().allSatisfy { name in
            guard name.hasPrefix("shard-"), name.hasSuffix(".jsonl") else { return true }
            return (try? FileManager.default.attributesOfItem(atPath: file(name))[.size] as? Int) == 0
        }
    }

    /// Removes shards without a sequence, their facts and journals. For who holds the lock.
    func forget() throws {
        for name in try names() where name.hasPrefix("shard-") {
            guard [".h5", ".json", ".jsonl"].contains(where: name.hasSuffix) else { continue }
            unsafe unlink(file(name))
        }
    }

    private func holdsSequences() throws -> Bool {
        try names().filter(ShardFolder.isShardName).contains { try readFacts($0)?.sequences != 0 }
    }

    /// Whether another process has claimed a shard and may still be at it.
    private func isInUse(exceptBy own: ProcessIdentity?) throws -> Bool {
        try names().contains { name in
            guard name.hasPrefix("shard-"), name.hasSuffix(".claim") else { return false }
            let content = FileManager.default.contents(atPath: file(name))
            guard let owner = content.flatMap({ try? JSONDecoder().decode(ShardClaim.Content.self, from: $0).owner })
            else { return true }
            return owner != own && owner.hasEnded != true
        }
    }
}
