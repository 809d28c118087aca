import FalconDraft
import FalconJSON
import FalconTensor
import FalconWeights
import Foundation

/// Turns a checkpoint into a folder that others can use: weights and configuration in the authors' layout, and a card
/// that says where they come from and what they are worth.
struct DraftExport {
    let checkpoint: TrainedCheckpoint
    let type: ElementType
    /// Whether to write `pytorch_model.bin`, too, which the authors' code reads.
    let hasTorchFile: Bool
    /// Whether the target's embedding goes along, as in the authors' layout; whoever loads the head has the target.
    let hasEmbedding: Bool
    /// For the card.
    let reports: [(name: String, report: JSONObject)]

    /// Writes the folder, whole or not at all. An earlier export at the same place is replaced; any other folder with
    /// files in it is refused.
    ///
    /// - Parameter check: looks at the written folder, before it gets its name; what it throws undoes the export.
    func write(to output: String, check: (_ folder: String) throws -> CheckResult) throws {
        let network = try DraftNetwork(folder: checkpoint.folder)
        let files = FileManager.default
        let earlier = try files.fileExists(atPath: output) ? DraftExport.contents(of: output) : nil
        if let foreign = earlier?.first(where: { !DraftExport.fileNames.contains($0) }) {
            throw FileError(output, "exists and holds '\(foreign)', which no export writes; choose another --output")
        }
        let temporary = output + ".partial-\(ProcessInfo.processInfo.processIdentifier)"
        UnfinishedFiles.begin(temporary)
        defer { UnfinishedFiles.end(temporary) }
        try DraftExport.naming(output, "cannot be made") {
            try files.createDirectory(atPath: temporary, withIntermediateDirectories: true)
        }
        do {
            try fill(temporary, network)
            try WrittenWeights(tensors: tensors(of: network), network: network, type: type).check(temporary)
            let card = ModelCard(
                checkpoint: checkpoint, network: network, type: type, check: try check(temporary), reports: reports)
            try AtomicFile.write(temporary + "/README.md", text: card.text)
            try DraftExport.naming(output, "cannot be replaced") {
                if earlier != nil { try files.removeItem(atPath: output) }
                try files.moveItem(atPath: temporary, toPath: output)
            }
        } catch {
            try? files.removeItem(atPath: temporary)
            throw error
        }
        AtomicFile.syncFolder(of: output)
    }

    private static let fileNames: Set<String> = [
        "config.json", "model.safetensors", "pytorch_model.bin", "README.md",
    ]

    /// - Throws: `FileError` where the path is no folder that can be read.
    private static func contents(of path: String) throws -> [String] {
        // Only a folder has a place of its own within it, behind links too.
        guard FileManager.default.fileExists(atPath: path + "/.") else {
            throw FileError(path, "is a file, not a folder; choose another --output")
        }
        return try naming(path, "cannot be listed") { try FileManager.default.contentsOfDirectory(atPath: path) }
    }

    /// Names the folder in what the system says: its own words name none, or the temporary one.
    private static func naming<Result>(_ path: String, _ problem: String, _ body: () throws -> Result) throws -> Result
    {
        do {
            return try body()
        } catch {
            throw FileError(path, "\(problem): \(FileError.reason(error)); choose another --output")
        }
    }

    private func tensors(of network: DraftNetwork) -> [(name: String, tensor: Tensor)] {
        network.parameters.tensors.filter { hasEmbedding || $0.0 != DraftNetwork.embeddingName }
    }

    private func fill(_ folder: String, _ network: DraftNetwork) throws {
        var configuration = network.configuration
        configuration.model.raw["dtype"] = nil
        configuration.model.raw["torch_dtype"] = .string(type.rawValue)
        if let target = checkpoint.fingerprints["target"] {
            configuration.model.raw["target_fingerprint"] = .string(target)
        }
        try configuration.write(folder: folder)
        let tensors = tensors(of: network)
        let (integers, masks) = DraftVocabulary.tensors(network.vocabulary)
        try SafetensorsWriter.write(
            folder + "/model.safetensors", tensors: tensors, as: type,
            integers: integers.map { ($0.name, $0.values, [$0.values.count]) }, masks: masks,
            metadata: DraftMetadata.entries(configuration))
        if hasTorchFile {
            try TorchCheckpointWriter.write(
                folder + "/pytorch_model.bin", tensors: tensors, as: type, integers: integers, masks: masks)
        }
    }
}
