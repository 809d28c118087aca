import FalconTensor
import Foundation

/// Who makes which shard of a folder that several processes fill.
///
/// A claim is a file beside the shard, `shard-00000.claim`, that names its process and counts up every few seconds.
/// Claims save work and nothing else: all processes make the same bytes and rename them into place, so a shard that
/// two of them make is merely made twice.
///
/// A claim is stale when its process has ended, which is seen at once on the same system, or when its count has not
/// changed while this process watched it for `lease` seconds on its own steady clock. Clocks of different machines
/// are never compared.
package final class ShardClaims {
    /// What became of asking for a shard.
    package enum Answer {
        /// It is this process's to make, until the claim is given back.
        case mine(ShardClaim)
        /// It lies in the folder already.
        case finished(ShardFacts)
        /// Another process has claimed it. `isAlive`: that process was seen to run.
        case held(isAlive: Bool)
    }

    private let folder: ShardFolder
    private let lease: Double
    private let now: () -> Double
    /// What stood in the claims of others, and when that was first seen.
    private var seen: [Int: (content: [UInt8], time: Double)] = [:]

    /// - Parameters:
    ///   - lease: seconds of silence after which the claim of a process elsewhere is stale.
    ///   - now: seconds on any steady clock.
    package init(
        _ folder: ShardFolder, lease: Double = 60,
        now: @escaping () -> Double = { ProcessInfo.processInfo.systemUptime }
    ) {
        (self.folder, self.lease, self.now) = (folder, lease, now)
    }

    /// Claims a shard that nobody makes and nobody has made.
    package func take(_ shard: Int) throws -> Answer {
        try folder.locked {
            if let facts = try folder.finishedShard(shard) { return .finished(facts) }
            switch state(shard) {
            case .free: break
            case .held(let isAlive): return .held(isAlive: isAlive)
            }
            try folder.removePartialFiles(ofShard: shard)
            return .mine(try ShardClaim(path: folder.claimPath(shard), interval: lease / 6))
        }
    }

    /// Removes what processes that ended left half-done: unfinished files and claims on finished shards.
    package func sweep() throws {
        try folder.locked {
            try folder.removePartialManifests()
            for shard in try folder.shardsWithLeftovers() {
                guard case .free = state(shard) else { continue }
                try folder.removePartialFiles(ofShard: shard)
                if try folder.finishedShard(shard) != nil { unsafe unlink(folder.claimPath(shard)) }
            }
        }
    }

    /// Whether a process began a shard: it is claimed, or finished.
    package func isBegun(_ shard: Int) throws -> Bool {
        if FileManager.default.fileExists(atPath: folder.claimPath(shard)) { return true }
        return try folder.finishedShard(shard) != nil
    }

    private enum State {
        case free
        case held(isAlive: Bool)
    }

    private func state(_ shard: Int) -> State {
        guard let content = FileManager.default.contents(atPath: folder.claimPath(shard)).map(Array.init) else {
            seen[shard] = nil
            return .free
        }
        let owner = try? JSONDecoder().decode(ShardClaim.Content.self, from: Data(content)).owner
        if let ended = owner?.hasEnded { return ended ? .free : .held(isAlive: true) }
        guard let before = seen[shard] else {
            seen[shard] = (content, now())
            return .held(isAlive: false)
        }
        guard before.content == content else {
            seen[shard] = (content, now())
            return .held(isAlive: true)
        }
        return now() - before.time >= lease ? .free : .held(isAlive: false)
    }
}

/// A claim that this process holds; given back when it goes. While it is held, a thread counts it up.
package final class ShardClaim {
    struct Content: Codable {
        let owner: ProcessIdentity
        var count: Int
    }

    private let beat: Beat

    fileprivate init(path: String, interval: Double) throws {
        beat = try Beat(path: path)
        let beat = self.beat
        // The thread holds the beat and not the claim, so that dropping the claim ends it.
        SystemMemory.requireThread()
        Thread.detachNewThread { while beat.waitAndCount(interval) {} }
    }

    deinit { beat.end() }
}

/// The file of a claim, rewritten in place: whoever reads half of it sees that it changed, which is all that counts.
private final class Beat: @unchecked Sendable {
    private let path: String
    private let condition = NSCondition()
    private var content = ShardClaim.Content(owner: .own, count: 0)
    private var hasEnded = false

    init(path: String) throws {
        self.path = path
        guard write() else {
            let problem = FileError.system(path, "claiming it")
            unsafe unlink(path)
            throw problem
        }
    }

    /// Whether to go on.
    func waitAndCount(_ interval: Double) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        let end = Date(timeIntervalSinceNow: interval)
        while !hasEnded, condition.wait(until: end) {}
        guard !hasEnded else { return false }
        content.count += 1
        // A full disk stops the counting, and soon the work too.
        _ = write()
        return true
    }

    func end() {
        condition.lock()
        defer { condition.unlock() }
        hasEnded = true
        condition.broadcast()
        // Another process may have taken it over, thinking this one had ended.
        let stored = FileManager.default.contents(atPath: path)
        let owner = stored.flatMap { try? JSONDecoder().decode(ShardClaim.Content.self, from: $0).owner }
        if owner == content.owner || owner == nil { unsafe unlink(path) }
    }

    private func write() -> Bool {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let bytes = try? [UInt8](encoder.encode(content)) else { return false }
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let written = unsafe pwrite(descriptor, bytes, bytes.count, 0)
        return written == bytes.count && ftruncate(descriptor, off_t(bytes.count)) == 0
    }
}
