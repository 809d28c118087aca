import FalconDigest
import FalconTensor
import FalconTraining
import Foundation

/// A head to compare under one name: one trained folder, or one for each seed it was trained with.
package struct ComparedHead: Sendable {
    /// Which checkpoint of a run is compared.
    package enum Checkpoint: String, CaseIterable, Sendable {
        /// The best by accept length on held-out dialogues; the newest where none was evaluated.
        case best
        case last
    }

    /// One trained folder.
    package struct Member: Sendable {
        /// What the user named.
        package let path: String
        /// The exported folder or the checkpoint that is decoded with.
        package let folder: String
        /// The log of the run that the checkpoint belongs to; `nil` for an exported folder.
        package let metrics: String?
        /// Of the checkpoint.
        package let step: Int?

        /// Finds the head where a user names it.
        ///
        /// - Parameter path: an exported folder, a checkpoint's, or a run's of falcon-train.
        /// - Throws: `FileError` where there is none.
        package init(path: String, checkpoint: Checkpoint) throws {
            let files = FileManager.default
            self.path = path
            if files.fileExists(atPath: path + "/config.json") {
                folder = path
            } else {
                let notes = checkpoint == .best ? ["best", "latest"] : ["latest"]
                guard let note = notes.first(where: { files.fileExists(atPath: path + "/" + $0) }) else {
                    throw FileError(
                        path, "is neither a draft head (no config.json) nor a run of falcon-train (no file 'latest')")
                }
                let text = (try? String(contentsOfFile: path + "/" + note, encoding: .utf8)) ?? ""
                let name = text.trimmingCharacters(in: .whitespacesAndNewlines)
                guard name.hasPrefix("step-"), !name.contains("/"),
                    files.fileExists(atPath: path + "/" + name + "/config.json")
                else { throw FileError(path + "/" + note, "names the checkpoint '\(name)', which is not there") }
                folder = path + "/" + name
            }
            let name = (folder as NSString).standardizingPath.split(separator: "/").last.map(String.init) ?? ""
            let log = OutputPlace.parent(of: folder) + "/metrics.jsonl"
            let isCheckpoint = name.hasPrefix("step-") && files.fileExists(atPath: log)
            metrics = isCheckpoint ? log : nil
            step = isCheckpoint ? Int(name.dropFirst("step-".count)) : nil
        }

        /// A digest of configuration and weights: what was measured with another head does not count for this one.
        func digest() throws -> String {
            let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { name in
                name == "config.json" || name.hasSuffix(".safetensors") && name != "optimizer.safetensors"
                    || name.hasSuffix(".bin")
            }
            let digests = try names.sorted().map { try SHA256Digest.hexadecimal(ofFile: folder + "/" + $0) }
            return SHA256Digest.hexadecimal(of: Array(digests.joined(separator: " ").utf8))
        }
    }

    package let name: String
    /// What it is, in a few words; may be empty.
    package let note: String
    /// One for each seed.
    package let members: [Member]

    package init(name: String, note: String = "", members: [Member]) {
        (self.name, self.note, self.members) = (name, note, members)
    }

    /// The heads of a command line, each once, in the order in which their names were first given.
    package static func grouped(_ members: [(name: String, member: Member)]) -> [ComparedHead] {
        var names: [String] = []
        for (name, _) in members where !names.contains(name) { names.append(name) }
        return names.map { name in
            ComparedHead(name: name, members: members.filter { $0.name == name }.map(\.member))
        }
    }
}
