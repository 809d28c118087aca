import ArgumentParser
import FalconTensor
import Foundation

/// The files and folders that a run reads and writes, by the options that name them: looked at before work begins, so
/// that hours of it are not lost to a name.
package struct RunFiles {
    private let inputs, files, folders: [(option: String, path: String)]

    /// - Parameters:
    ///   - inputs: files and folders that are read; those that are not given or not there are left to their readers.
    ///   - files: files that are written; "-" is standard output.
    ///   - folders: folders that are written into and made where they are missing.
    package init(
        inputs: [(option: String, path: String?)] = [], files: [(option: String, path: String?)] = [],
        folders: [(option: String, path: String?)] = []
    ) {
        func given(_ all: [(option: String, path: String?)]) -> [(option: String, path: String)] {
            all.compactMap { option, path in path.map { (option, $0) } }
        }
        (self.inputs, self.files, self.folders) = (given(inputs), given(files), given(folders))
    }

    /// Whether a path stands for standard output: `-`, `/dev/stdout` and the like.
    package static func isStandardOutput(_ path: String) -> Bool {
        path == "-" || (try? OutputPlace.of(path)) == .descriptor(STDOUT_FILENO)
    }

    /// - Throws: `FileError` for an output that cannot be opened, that is an input too, or that two options name;
    ///   `ValidationError` for an empty name.
    package func check() throws {
        for (option, path) in inputs + files + folders where path.isEmpty {
            throw ValidationError("\(option): give a name; it is empty.")
        }
        for (option, path) in folders { try checkFolder(option, path) }
        let written = try files.map { option, path in
            Output(option: option, path: path, place: try checkFile(path))
        }
        for output in written { try refuseInput(output) }
        for (number, output) in written.enumerated() {
            for earlier in written[..<number] where output.clashes(with: earlier) {
                let name = RunFiles.isStandardOutput(output.path) ? "standard output" : output.path
                throw FileError(
                    name, "\(earlier.option) and \(output.option) both write to it; give each its own file")
            }
            for (name, descriptor) in [("output", STDOUT_FILENO), ("error", STDERR_FILENO)]
            where output.isFile(behind: descriptor) {
                throw FileError(
                    output.path, "is where standard \(name) goes, too; give \(output.option) another file")
            }
            for (option, folder) in folders where output.isPart(of: folder) {
                throw FileError(
                    output.path,
                    "\(output.option) names a file that is written into \(option)'s folder; "
                        + "give another name")
            }
        }
        try refuseInputFolders()
    }

    /// - Throws: `FileError` where standard output was closed before the command began: for results that go nowhere
    ///   else.
    package static func requireStandardOutput() throws { try requireOpen(STDOUT_FILENO, for: "standard output") }

    // MARK: What can be opened

    private static func requireOpen(_ descriptor: Int32, for path: String) throws {
        guard Descriptor.isWritable(descriptor) else {
            throw FileError(path, "cannot be written, descriptor \(descriptor) is not open for writing")
        }
    }

    private func checkFile(_ path: String) throws -> OutputPlace {
        if path == "-" {
            try RunFiles.requireOpen(STDOUT_FILENO, for: "standard output")
            return .descriptor(STDOUT_FILENO)
        }
        guard !path.hasSuffix("/") else { throw FileError(path, "is a folder's name; name a file in it") }
        let place = try OutputPlace.of(path)
        switch place {
        case .descriptor(let number):
            try RunFiles.requireOpen(number, for: path)
        case .special(let real):
            let problem = OutputPlace.writingProblem(real)
            guard problem == 0 else { throw FileError.system(path, "opening it for writing", code: problem) }
        case .file(let real):
            guard (real as NSString).lastPathComponent.utf8.count <= 255 else {
                throw FileError(path, "cannot be written, its name is longer than the 255 bytes that names may have")
            }
            let parent = OutputPlace.parent(of: real)
            guard let kind = FileKind(parent) else {
                if folders.contains(where: { RunFiles.absolute($0.path) == RunFiles.absolute(parent) }) { break }
                throw FileError(path, "cannot be written, there is no folder \(parent) to write into; make it first")
            }
            guard case .folder = kind else { throw FileError(path, "cannot be written, \(parent) is no folder") }
            try RunFiles.requireWritable(parent, for: path)
            guard FileKind(real) == nil || OutputPlace.writingProblem(real) == 0 else {
                throw FileError(path, "cannot be written, it is protected from writing; choose another file")
            }
        }
        return place
    }

    private func checkFolder(_ option: String, _ path: String) throws {
        if let kind = FileKind(path) {
            guard case .folder = kind else { throw FileError(path, "is a file; \(option) takes a folder") }
            return try RunFiles.requireWritable(path, for: path)
        }
        // The nearest folder that is there is the one where others are made.
        var parent = RunFiles.absolute(path)
        while parent != "/" {
            parent = OutputPlace.parent(of: parent)
            guard let kind = FileKind(parent) else { continue }
            guard case .folder = kind else { throw FileError(path, "cannot make this folder, \(parent) is a file") }
            return try RunFiles.requireWritable(parent, for: path)
        }
    }

    private static func requireWritable(_ folder: String, for path: String) throws {
        let problem = OutputPlace.writingProblem(folder, isFolder: true)
        guard problem != 0 else { return }
        if problem == EROFS { throw FileError(path, "cannot be written, \(folder) is on a read-only file system") }
        throw FileError(
            path,
            "cannot be written, the folder \(folder) may not be written into; change its permissions or choose "
                + "another")
    }

    // MARK: What must not be overwritten

    private func refuseInput(_ output: Output) throws {
        for (option, path) in inputs {
            let isInput: Bool
            if case .folder? = FileKind(path) {
                isInput = output.isPart(of: path)
            } else {
                isInput = output.isSame(as: path)
            }
            guard isInput else { continue }
            throw FileError(
                output.path, "\(output.option) would overwrite what \(option) reads; give another file")
        }
    }

    private func refuseInputFolders() throws {
        for (option, folder) in folders {
            for (input, path) in inputs {
                if case .folder? = FileKind(path) {
                    guard RunFiles.isSameFolder(folder, path) else { continue }
                    throw FileError(folder, "\(option) and \(input) name one folder; give \(option) another")
                }
                guard RunFiles.isSameFolder(folder, OutputPlace.parent(of: path)),
                    (path as NSString).lastPathComponent.hasPrefix("shard-")
                else { continue }
                throw FileError(
                    path,
                    "\(option) would write into the folder that \(input)'s file came from, maybe over it; give "
                        + "another folder")
            }
        }
    }

    /// A path without `.`, `..` and repeated slashes, from the root.
    fileprivate static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }

    fileprivate static func isSameFolder(_ left: String, _ right: String) -> Bool {
        guard let one = FileIdentity(left), let other = FileIdentity(right) else {
            return absolute(left) == absolute(right)
        }
        return one == other
    }

    /// Whether models, heads, features or runs have files of this name.
    fileprivate static func isKnown(_ name: String) -> Bool {
        let endings: Set<String> = [
            "safetensors", "bin", "pt", "pth", "gguf", "model", "jinja", "h5", "toml", "falcon",
        ]
        let names: Set<String> = [
            "config.json", "generation_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
            "merges.txt", "manifest.json", "state.json", "metrics.jsonl", "latest", "best", "run.lock",
            "manifest.lock",
        ]
        return names.contains(name) || endings.contains((name as NSString).pathExtension)
            || name.hasSuffix(".index.json") || name.hasPrefix("tokenizer") || name.hasPrefix("chat_template")
            || name.hasPrefix("shard-")
    }
}

/// A file that an option names, and where it lies.
private struct Output {
    let option, path: String
    let place: OutputPlace

    /// `nil` where there is no such file yet.
    private var identity: FileIdentity? {
        switch place {
        case .file(let real), .special(let real): FileIdentity(real)
        case .descriptor(let number): FileIdentity(descriptor: number)
        }
    }

    func clashes(with other: Output) -> Bool {
        if case .descriptor(let number) = place, case .descriptor(number) = other.place { return true }
        if let identity, let another = other.identity { return identity.isExclusive && identity == another }
        guard case .file(let real) = place, case .file(let second) = other.place else { return false }
        return identity == nil && other.identity == nil && Output.isSamePlace(real, second)
    }

    /// Whether the file that a descriptor writes to would be replaced.
    func isFile(behind descriptor: Int32) -> Bool {
        guard case .file(let real) = place, let identity = FileIdentity(real) else { return false }
        return Descriptor.isWritable(descriptor) && FileIdentity(descriptor: descriptor) == identity
    }

    func isSame(as input: String) -> Bool {
        guard let identity, identity.isExclusive else { return false }
        return FileIdentity(input) == identity
    }

    /// Whether it is, or would be, one of the files by which a folder is what it is.
    func isPart(of folder: String) -> Bool {
        guard case .file(let real) = place else { return false }
        let name = (real as NSString).lastPathComponent
        if RunFiles.isSameFolder(OutputPlace.parent(of: real), folder) { return RunFiles.isKnown(name) }
        // By another name, or from elsewhere: a link into the folder or out of it.
        guard let identity else { return false }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.contains { RunFiles.isKnown($0) && FileIdentity(folder + "/" + $0) == identity }
    }

    private static func isSamePlace(_ left: String, _ right: String) -> Bool {
        (left as NSString).lastPathComponent == (right as NSString).lastPathComponent
            && RunFiles.isSameFolder(OutputPlace.parent(of: left), OutputPlace.parent(of: right))
    }
}
