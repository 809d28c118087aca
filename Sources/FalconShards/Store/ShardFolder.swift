import FalconDigest
import FalconTensor
import Foundation

/// The folder that one run, or several processes side by side, fill with shards.
///
/// Nobody waits for anybody but for the moment of rewriting the manifest: each shard belongs to one process, and its
/// facts are written beside it. The manifest is made again from all facts under a lock, so none is lost.
package struct ShardFolder: Sendable {
    package let path: String
    package let description: ShardDescription
    package let settings: [String: String]

    /// Makes the folder where it is missing, and a manifest; or joins what earlier runs left.
    ///
    /// - Throws: `FileError` where the folder cannot be written to, or holds shards of other contents, naming what
    ///   differs.
    package init(path: String, description: ShardDescription, settings: [String: String]) throws {
        (self.path, self.description, self.settings) = (path, description, settings)
        try ShardFolder.makeWritable(path)
        try updateManifest()
    }

    /// Makes a folder where it is missing.
    ///
    /// - Throws: `FileError` where that is not possible or the folder cannot be written to.
    package static func makeWritable(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw FileError(path, "cannot make this folder: \(error.localizedDescription)")
        }
        guard FileManager.default.isWritableFile(atPath: path) else {
            throw FileError(path, "cannot write to this folder; change its permissions or take another")
        }
    }

    /// `shard-00000.h5`.
    package static func shardName(_ number: Int) -> String {
        let digits = String(number)
        return "shard-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits + ".h5"
    }

    /// Whether a name is one that `shardName` gives: a manifest must not point anywhere else.
    static func isShardName(_ name: String) -> Bool {
        guard name.hasPrefix("shard-"), name.hasSuffix(".h5") else { return false }
        let digits = name.dropFirst(6).dropLast(3)
        return digits.count >= 5 && digits.allSatisfy { $0.isASCII && $0.isNumber }
    }

    /// Where a shard lies.
    package func shardPath(_ number: Int) -> String { file(ShardFolder.shardName(number)) }

    /// The facts of a shard that an earlier run finished; `nil` where it is still to be made.
    package func finishedShard(_ number: Int) throws -> ShardFacts? {
        try readFacts(ShardFolder.shardName(number))
    }

    /// Notes a shard that has just been renamed into place.
    ///
    /// - Returns: its facts.
    @discardableResult
    package func record(
        _ number: Int, _ contents: ShardContents, skipped: [String: Int] = [:], failed: [String: Int] = [:]
    ) throws -> ShardFacts {
        let name = ShardFolder.shardName(number)
        let facts = ShardFacts(
            file: name, contents: contents, sha256: try SHA256Digest.hexadecimal(ofFile: file(name)), skipped: skipped,
            failed: failed)
        try ShardManifest.write(facts, factsPath(name))
        try updateManifest()
        return facts
    }

    /// Rewrites the manifest from the facts of all finished shards, whichever process made them.
    private func updateManifest() throws {
        try locked {
            if FileManager.default.fileExists(atPath: file(ShardManifest.fileName)) {
                try refuseOtherContents(ShardManifest(folder: path))
            }
            let names = try self.names().filter(ShardFolder.isShardName)
            let manifest = ShardManifest(
                description: description, settings: settings, shards: try names.compactMap(readFacts))
            try manifest.write(folder: path)
        }
    }

    /// Runs `body` while no other process changes the folder's manifest or claims.
    func locked<Value>(_ body: () throws -> Value) throws -> Value {
        let lock = file("manifest.lock")
        let descriptor = unsafe open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError.system(lock, "opening it") }
        // Closing gives the lock back, also when the process dies.
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw FileError.system(lock, "locking it") }
        }
        return try body()
    }

    /// Where the claim on a shard lies; see `ShardClaims`.
    func claimPath(_ number: Int) -> String { file(stem(number) + ".claim") }

    /// Shards of which there are claims or unfinished files.
    func shardsWithLeftovers() throws -> [Int] {
        let leftovers = try names().filter { $0.hasSuffix(".claim") || $0.contains(ShardFolder.partialMark) }
        let numbers = leftovers.compactMap { name in
            name.hasPrefix("shard-") ? Int(name.dropFirst(6).prefix { $0.isASCII && $0.isNumber }) : nil
        }
        return Set(numbers).sorted()
    }

    /// Removes unfinished files of a shard that no running process has claimed.
    func removePartialFiles(ofShard number: Int) throws { try removePartialFiles(startingWith: stem(number) + ".") }

    /// Removes unfinished manifests. Only for who holds the lock, under which manifests are written.
    func removePartialManifests() throws { try removePartialFiles(startingWith: ShardManifest.fileName) }

    private func removePartialFiles(startingWith start: String) throws {
        for name in try names() where name.hasPrefix(start) && name.contains(ShardFolder.partialMark) {
            unsafe unlink(file(name))
        }
    }

    /// What `AtomicFile` and the shard's writer put behind a name until the file is whole.
    private static let partialMark = ".partial-"

    private func stem(_ number: Int) -> String { String(ShardFolder.shardName(number).dropLast(3)) }

    func names() throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw FileError(path, "cannot list this folder: \(error.localizedDescription)")
        }
    }

    private func refuseOtherContents(_ earlier: ShardManifest) throws {
        var difference = description.difference(from: earlier.description)
        for key in Set(settings.keys).union(earlier.settings.keys).sorted() where difference == nil {
            let (mine, theirs) = (settings[key] ?? "unset", earlier.settings[key] ?? "unset")
            if mine != theirs { difference = "\(key) is \(mine), not \(theirs)" }
        }
        if let difference {
            // A run that made nothing binds nobody.
            if try isEmpty() { return try forget() }
            throw FileError(path, "its shards were made otherwise: now \(difference); take another output folder")
        }
    }

    /// `nil` where the shard or its facts are missing, or the shard is not as long as its facts say.
    func readFacts(_ name: String) throws -> ShardFacts? {
        let shard = try? FileManager.default.attributesOfItem(atPath: file(name))
        guard let bytes = shard?[.size] as? Int, FileManager.default.fileExists(atPath: factsPath(name)) else {
            return nil
        }
        let facts = try ShardManifest.decode(ShardFacts.self, factsPath(name))
        return facts.bytes == bytes && facts.file == name ? facts : nil
    }

    private func factsPath(_ shard: String) -> String { file(String(shard.dropLast(2)) + "json") }

    func file(_ name: String) -> String { (path as NSString).appendingPathComponent(name) }
}
