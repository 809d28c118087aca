import FalconDraft
import FalconModels
import FalconWeights
import Foundation

/// What a run was, so that its report can be understood and the run repeated.
package struct RunFacts: Sendable {
    package let command: [String]
    /// What was used, each with its name and, where it has one, its fingerprint.
    package let parts: [(role: String, name: String, fingerprint: String)]
    package let threads: Int
    package let machine: String
    package let date: Date

    /// - Parameters:
    ///   - command: the command line, a word an entry.
    ///   - draft: the head's folder.
    ///   - input: the questions or the features.
    package init(
        command: [String], target: (folder: String, ends: EmbeddingAndHead), draft: String?, input: String,
        threads: Int,
        date: Date = Date()
    ) {
        self.command = command
        var parts = [(role: "target", name: target.folder, fingerprint: target.ends.fingerprint)]
        if let draft {
            let head = try? DraftFolder(path: draft)
            let fingerprint = head.map { TargetModel.fingerprint($0.configuration.model, $0.weights) }
            parts.append((role: "draft head", name: draft, fingerprint: fingerprint ?? ""))
        }
        parts.append((role: "texts", name: input, fingerprint: ""))
        self.parts = parts
        self.threads = threads
        self.date = date
        machine = RunFacts.machine
    }

    /// The processor as the system names it, how many there are, and the system.
    package static var machine: String {
        let process = ProcessInfo.processInfo
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        let name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last.map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        return [name, "\(process.activeProcessorCount) processors", process.operatingSystemVersionString]
            .compactMap { $0 }.joined(separator: ", ")
    }

    /// The command line as a shell would take it.
    package var commandLine: String {
        let plain = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-_./:=,+@%"))
        return command.map { word in
            !word.isEmpty && word.unicodeScalars.allSatisfy(plain.contains)
                ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
        }.joined(separator: " ")
    }
}
