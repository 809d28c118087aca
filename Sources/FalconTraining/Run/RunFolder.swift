import FalconTensor
import Foundation

/// The folder of one training run: its checkpoints, written whole or not at all, and what is logged beside them.
///
///     RUN/step-000100/   model.safetensors  optimizer.safetensors  state.json  recipe.toml  config.json
///     RUN/step-000200/   ...
///     RUN/latest         the name of the newest whole checkpoint
///     RUN/best           the name of the checkpoint with the best evaluation
///     RUN/metrics.jsonl  RUN/report.html  RUN/events.out.tfevents.*  RUN/timeline.jsonl
package struct RunFolder: Sendable {
    package let path: String
    private static let partial = ".partial-"

    /// Opens the folder, making it where it is missing.
    ///
    /// - Throws: `FileError` where it cannot be made or written.
    package init(path: String) throws {
        self.path = path
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw FileError(path, "cannot be made: \(FileError.reason(error)); choose another output folder")
        }
        guard FileManager.default.isWritableFile(atPath: path) else {
            throw FileError(path, "is not writable; choose another output folder")
        }
    }

    /// Takes the folder for one run, and clears what a killed one left half-written.
    ///
    /// - Returns: to be kept until the run has ended.
    /// - Throws: `FileError` where another process trains in the folder.
    package func lock() throws -> FolderLock {
        let lock = try FolderLock(path, use: "trains")
        for name in try names() where name.contains(RunFolder.partial) {
            try? FileManager.default.removeItem(atPath: path + "/" + name)
        }
        return lock
    }

    /// The name of the checkpoint after `step` optimizer steps.
    package static func name(step: Int) -> String {
        let digits = String(step)
        return "step-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    /// The steps of the whole checkpoints in the folder, ascending.
    package func steps() throws -> [Int] {
        try names().compactMap { name in
            guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), name == RunFolder.name(step: step)
            else { return nil }
            return step
        }.sorted()
    }

    /// The folder of the newest whole checkpoint; `nil` where there is none yet.
    package func latest() throws -> String? {
        // A crash between renaming a checkpoint and noting it leaves the note one behind: the folders decide.
        try steps().last.map { path + "/" + RunFolder.name(step: $0) }
    }

    /// Writes a checkpoint: `body` fills a temporary folder, which is synced and renamed into place and noted. Then
    /// older ones are removed, so that `keep` are left (0: all), the best one in any case.
    ///
    /// - Parameter best: the step of the checkpoint to note as the best.
    package func writeCheckpoint(
        step: Int, keep: Int, best: Int? = nil, _ body: (_ folder: String) throws -> Void
    ) throws {
        let name = RunFolder.name(step: step)
        let (temporary, final) = (path + "/" + RunFolder.partial + name, path + "/" + name)
        try? FileManager.default.removeItem(atPath: temporary)
        do {
            try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: false)
            try body(temporary)
            AtomicFile.syncFolder(of: temporary + "/state.json")
            // Only a run that went on from an older checkpoint meets its own later one.
            if FileManager.default.fileExists(atPath: final) {
                let old = path + "/" + RunFolder.partial + "old-" + name
                try FileManager.default.moveItem(atPath: final, toPath: old)
            }
            try FileManager.default.moveItem(atPath: temporary, toPath: final)
        } catch let error as FileError {
            try? FileManager.default.removeItem(atPath: temporary)
            throw error
        } catch {
            try? FileManager.default.removeItem(atPath: temporary)
            throw FileError(final, "cannot be written: \(FileError.reason(error))")
        }
        AtomicFile.syncFolder(of: final)
        try? FileManager.default.removeItem(atPath: path + "/" + RunFolder.partial + "old-" + name)
        // Before anything is removed: a note never names what is not there.
        try note(latest: step, best: best)
        guard keep > 0 else { return }
        for old in try steps().dropLast(keep) where old != best && old != step {
            try? FileManager.default.removeItem(atPath: path + "/" + RunFolder.name(step: old))
        }
    }

    /// Writes the notes `latest` and `best` for people and other commands.
    func note(latest: Int, best: Int?) throws {
        try AtomicFile.write(path + "/latest", text: RunFolder.name(step: latest) + "\n")
        if let best, FileManager.default.fileExists(atPath: path + "/" + RunFolder.name(step: best)) {
            try AtomicFile.write(path + "/best", text: RunFolder.name(step: best) + "\n")
        }
    }

    private func names() throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw FileError(path, "cannot be listed: \(FileError.reason(error))")
        }
    }
}
