import FalconDraft
import FalconJSON
import FalconTensor
import FalconWeights
import Foundation

/// Turns a checkpoint into a folder that others can use: weights and configuration in the authors' layout, and a card
/// that says where they come from.
struct DraftExport {
    /// The checkpoint's own folder.
    let checkpoint: String
    let type: ElementType
    /// Whether to write `pytorch_model.bin`, too, which the authors' code reads.
    let hasTorchFile: Bool

    /// - Parameter path: a checkpoint's folder, or a run's, whose newest checkpoint is then taken.
    /// - Throws: `FileError` where there is none.
    init(path: String, type: ElementType, hasTorchFile: Bool) throws {
        (self.type, self.hasTorchFile) = (type, hasTorchFile)
        if FileManager.default.fileExists(atPath: path + "/model.safetensors") {
            checkpoint = path
            return
        }
        guard let note = try? String(contentsOfFile: path + "/latest", encoding: .utf8) else {
            throw FileError(path, "is neither a checkpoint (no model.safetensors) nor a run (no file 'latest')")
        }
        let name = note.trimmingCharacters(in: .whitespacesAndNewlines)
        guard name.hasPrefix("step-"), !name.contains("/"),
            FileManager.default.fileExists(atPath: path + "/" + name + "/model.safetensors")
        else { throw FileError(path, "names '\(name)' as its newest checkpoint, which is not there") }
        checkpoint = path + "/" + name
    }

    /// Writes the folder, whole or not at all. An earlier export at the same place is replaced; any other folder with
    /// files in it is refused.
    func write(to output: String) throws {
        let network = try DraftNetwork(folder: checkpoint)
        let origin = Origin(checkpoint: checkpoint)
        let files = FileManager.default
        let earlier = try files.fileExists(atPath: output) ? files.contentsOfDirectory(atPath: output) : nil
        if let foreign = earlier?.first(where: { !DraftExport.fileNames.contains($0) }) {
            throw FileError(output, "exists and holds '\(foreign)', which no export writes; choose another --output")
        }
        let temporary = output + ".partial-\(ProcessInfo.processInfo.processIdentifier)"
        try files.createDirectory(atPath: temporary, withIntermediateDirectories: true)
        do {
            try fill(temporary, network, origin)
            if earlier != nil { try files.removeItem(atPath: output) }
            try files.moveItem(atPath: temporary, toPath: output)
        } catch {
            try? files.removeItem(atPath: temporary)
            throw error
        }
        AtomicFile.syncFolder(of: output)
    }

    private static let fileNames: Set<String> = [
        "config.json", "model.safetensors", "pytorch_model.bin", "README.md",
    ]

    private func fill(_ folder: String, _ network: DraftNetwork, _ origin: Origin) throws {
        var configuration = network.configuration
        configuration.model.raw["dtype"] = nil
        configuration.model.raw["torch_dtype"] = .string(type.rawValue)
        if let target = origin.targetFingerprint {
            configuration.model.raw["target_fingerprint"] = .string(target)
        }
        try configuration.write(folder: folder)
        let tensors = network.parameters.tensors
        try SafetensorsWriter.write(folder + "/model.safetensors", tensors: tensors, as: type)
        if hasTorchFile { try TorchCheckpointWriter.write(folder + "/pytorch_model.bin", tensors: tensors, as: type) }
        try AtomicFile.write(folder + "/README.md", text: card(configuration, network, origin))
    }

    private func card(_ configuration: DraftConfiguration, _ network: DraftNetwork, _ origin: Origin) -> String {
        let model = configuration.model
        var lines = [
            "# Falcon draft head", "",
            "Predicts \(configuration.blockSize) tokens a pass for speculative decoding (Falcon, AAAI 2025).", "",
            "- block size \(configuration.blockSize), fusion \(configuration.fusion.rawValue)",
            "- decoder layers: \(model.layerCount), hidden size \(model.hiddenSize)",
            "- vocabulary: \(model.vocabularySize) tokens",
            "- \(network.parameters.trainableCount) trained parameters; the embedding is the target's; "
                + "stored as \(type.rawValue)",
        ]
        if let step = origin.step { lines.append("- trained for \(step) steps") }
        if let recipe = origin.recipeHash { lines.append("- recipe SHA-256 \(recipe)") }
        if let target = origin.targetFingerprint { lines.append("- target fingerprint \(target)") }
        lines += [
            "",
            "Tensors have the names of the authors' code. `config.json` is a Llama configuration with `k_mask` (the",
            "block size) and `fusion`. Use it with `falcon-infer --target TARGET --draft THIS_FOLDER --prompt TEXT`.",
            "",
        ]
        return lines.joined(separator: "\n")
    }
}

/// What a checkpoint's `state.json` says about how it came to be; all absent for a folder that no run has written.
private struct Origin {
    let step: Int?
    let recipeHash: String?
    let targetFingerprint: String?

    init(checkpoint: String) {
        let state = (try? JSONValue(path: checkpoint + "/state.json"))?.object
        step = state?["step"]?.integer
        recipeHash = state?["recipe_hash"]?.string
        targetFingerprint = state?["fingerprints"]?.object?["target"]?.string
    }
}
