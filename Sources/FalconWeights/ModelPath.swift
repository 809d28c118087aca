import FalconJSON
import FalconTensor
import Foundation

/// What a path is that somebody gave as a model's folder, where it is none that can be read.
package enum ModelPath {
    /// What the folder is to hold.
    package enum Role: String, Sendable {
        case target = "the target model"
        case draft = "the draft head"
    }

    /// The folder of a model in the hub's cache, `models--OWNER--NAME`: the snapshot that its branch `main` names, or
    /// the only one. Other paths are returned as they are.
    ///
    /// - Throws: `FileError` where there are several snapshots and none is named.
    package static func resolved(_ path: String) throws -> String {
        let files = FileManager.default
        let snapshots = path + (path.hasSuffix("/") ? "" : "/") + "snapshots"
        // Only folders have contents.
        guard !files.fileExists(atPath: path + "/config.json"),
            let found = try? files.contentsOfDirectory(atPath: snapshots), !found.isEmpty
        else { return path }
        let main = (try? String(contentsOfFile: path + "/refs/main", encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines)
        if let main, found.contains(main) { return snapshots + "/" + main }
        guard found.count == 1 else {
            throw FileError(
                path,
                "is the hub's cache of a model with \(found.count) snapshots; give one of the folders below its "
                    + "snapshots/")
        }
        return snapshots + "/" + found[0]
    }

    /// Refuses what is no folder with `config.json`, and says what it is instead and what to do.
    ///
    /// - Throws: `FileError` in one line.
    package static func check(_ path: String, as role: Role) throws {
        try checkExistence(path)
        // Only a folder holds itself.
        guard FileManager.default.fileExists(atPath: path + "/.") else { throw FileError(path, file(path, role)) }
        guard !FileManager.default.fileExists(atPath: path + "/config.json") else { return }
        throw FileError(path, folder(path, role))
    }

    /// Refuses what is not there, for those who need but one file of a model.
    ///
    /// - Throws: `FileError`, which takes a name on the hub for one.
    package static func checkExistence(_ path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else { throw FileError(path, absence(path)) }
    }

    /// What lies in a folder in place of the weights that were looked for; `nil` where nothing is known.
    package static func foreignWeights(_ contents: [String]) -> String? {
        let names = contents.sorted()
        func first(_ suffixes: String...) -> String? {
            names.first { name in suffixes.contains { name.lowercased().hasSuffix($0) } }
        }
        if names.contains("adapter_config.json") || names.contains(where: { $0.hasPrefix("adapter_model") }) {
            return "holds an adapter (LoRA), not a model; merge it into its base model first "
                + "(peft: merge_and_unload, save_pretrained) and use that folder"
        }
        if names.contains(where: { $0.hasPrefix("medusa") && !$0.hasSuffix(".json") }) {
            return "holds Medusa heads, which are not supported; use a Falcon or an EAGLE-1 head"
        }
        if let name = first(".safetensors.gz", ".bin.gz", ".zip", ".tar", ".tar.gz", ".tgz", ".gz") {
            return "holds '\(name)', which is packed; unpack it first"
        }
        if let name = first(".incomplete", ".part", ".crdownload", ".aria2") {
            return "holds '\(name)', a download that has not ended; download it again"
        }
        if let name = first(".gguf") { return "holds '\(name)'; give that file itself" }
        if names.contains("onnx"), !names.contains(where: { $0.hasSuffix(".safetensors") || $0.hasSuffix(".bin") }) {
            return "holds a model for ONNX, which is not supported; use the model's safetensors"
        }
        if let name = first(".onnx") { return "holds '\(name)': ONNX is not supported; use the model's safetensors" }
        if let name = first(".pth", ".pt", ".ckpt") {
            return "holds '\(name)', a PyTorch file in a layout of its own; convert it to Hugging Face's "
                + "(transformers: save_pretrained) first"
        }
        if let name = first(".h5", ".msgpack") {
            return "holds '\(name)', weights of TensorFlow or Flax; use the model's safetensors"
        }
        if let name = first(".safetensors", ".bin") {
            return "holds '\(name)', but no weights under a name that is looked for "
                + "(\(WeightFolder.candidates.joined(separator: ", "))); rename it, or download the index, too"
        }
        return nil
    }

    private static func absence(_ path: String) -> String {
        if path.contains("://") {
            return "is an address, not a folder; download the model first and give its folder"
        }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let isName = parts.allSatisfy { part in
            part.first.map { $0.isLetter || $0.isNumber } ?? false
                && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        }
        // Somebody who has the folder above meant a folder.
        if parts.count == 2, isName, !FileManager.default.fileExists(atPath: String(parts[0])) {
            return "no such folder; if it is a name on the Hugging Face hub, download it first: "
                + "hf download \(path) --local-dir \(parts[1]), and give that folder"
        }
        return "no such folder"
    }

    private static func file(_ path: String, _ role: Role) -> String {
        let start = (try? FileHandle(forReadingFrom: URL(fileURLWithPath: path)).read(upToCount: FileSignature.length))
        if let start, start.starts(with: Array("GGUF".utf8)) {
            return "is a GGUF file, which is not supported for draft heads; give the folder that holds the head's "
                + "config.json and weights"
        }
        let name = (path as NSString).lastPathComponent.lowercased()
        if name.hasSuffix(".safetensors") || name.hasSuffix(".bin") || name == "config.json" {
            return "is one file of \(role.rawValue); give its folder"
        }
        if name.hasSuffix(".onnx") { return "is an ONNX file, which is not supported; use the model's safetensors" }
        if let start, let problem = FileSignature.problem(beginning: Array(start)) { return problem }
        return "is a file; give the folder that holds config.json and the weights of \(role.rawValue)"
    }

    private static func folder(_ path: String, _ role: Role) -> String {
        let contents = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        if contents.isEmpty { return "is an empty folder, without config.json; download the model into it first" }
        if contents.contains("snapshots"), contents.contains("refs") || contents.contains("blobs") {
            return "is the hub's cache of a model; give the folder below its snapshots/"
        }
        if role == .target, contents.contains("manifest.json") {
            return "holds feature shards, not a model; give the target's own folder"
        }
        if contents.contains("latest"), contents.contains(where: { $0.hasPrefix("step-") }) {
            return "is a training run; export it with falcon-export, or give one of its checkpoints (step-...)"
        }
        if let problem = foreignWeights(contents) {
            // Plain weights: only the configuration is missing.
            if !contents.contains(where: { WeightFolder.candidates.contains($0) }) { return problem }
        }
        return "has no config.json; give a folder in Hugging Face's layout, or download that file, too"
    }
}
