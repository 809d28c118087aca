import FalconJSON
import FalconTensor
import Foundation

/// The weights of a model, wherever its folder keeps them: one safetensors file, several with an index, or the same
/// as PyTorch `.bin` files. Files are mapped and checked at once; values are read when they are asked for.
package struct WeightFolder: Sendable {
    package let path: String
    /// All tensors, sorted by name.
    package let names: [String]
    /// What the writer noted in safetensors files, under `__metadata__`.
    package let metadata: [String: String]
    private let tensors: [String: StoredTensor]

    /// The files that a folder may hold, in the order in which they are looked for, as in transformers.
    package static let candidates = [
        "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
    ]

    /// - Parameters:
    ///   - path: a model folder, or one of its weight or index files, or a GGUF file.
    ///   - keepsNames: whether the tensors of a GGUF file, which need then be no model, stay under its own names.
    /// - Throws: `FileError` where nothing is found, or a file is damaged or does not hold what its index says.
    package init(path: String, keepsNames: Bool = false) throws {
        guard FileManager.default.fileExists(atPath: path) else { throw FileError(path, "no such folder") }
        var source = path
        // Only a folder has contents.
        if let contents = try? FileManager.default.contentsOfDirectory(atPath: path) {
            guard let found = WeightFolder.candidates.first(where: contents.contains) else {
                throw FileError(
                    path,
                    ModelPath.foreignWeights(contents)
                        ?? "holds no weights (none of \(WeightFolder.candidates.joined(separator: ", ")))")
            }
            source = path + "/" + found
        }
        self.path = path
        if GGUFModelFiles.isMeant(source) {
            let read = try keepsNames ? GGUFModelFiles(path: source).tensors : GGUFModel(path: source).weights.all
            tensors = Dictionary(uniqueKeysWithValues: read.map { ($0.name, $0) })
            names = tensors.keys.sorted()
            metadata = [:]
            return
        }
        let contents = try source.hasSuffix(".json") ? WeightFolder.indexed(source) : WeightFolder.whole(source)
        (tensors, metadata) = (
            keepsNames ? contents.tensors : WeightFolder.textPart(contents.tensors), contents.metadata
        )
        names = tensors.keys.sorted()
    }

    /// Tensors under the names that a model looks for.
    init(path: String, _ tensors: [StoredTensor]) {
        self.path = path
        self.tensors = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0) })
        names = self.tensors.keys.sorted()
        metadata = [:]
    }

    private var all: [StoredTensor] { Array(tensors.values) }

    package func contains(_ name: String) -> Bool { tensors[name] != nil }

    /// Where a tensor lies: its mapped file, the range of bytes, type and shape, to pack weights from the map.
    package func stored(_ name: String) -> StoredTensor? { tensors[name] }

    package func shape(of name: String) -> [Int]? { tensors[name]?.shape }

    package func storedType(of name: String) -> StoredType? { tensors[name]?.type }

    /// The place of a tensor of the given shape.
    ///
    /// - Throws: `FileError` where it is missing or has another shape; both shapes are in the message.
    package func stored(_ name: String, shape: [Int]) throws -> StoredTensor {
        let tensor = try required(name)
        guard tensor.shape == shape else {
            throw FileError(
                tensor.file.path, "tensor '\(name)' has shape \(tensor.shape) where the configuration needs \(shape)")
        }
        return tensor
    }

    /// The values of a tensor of the given shape, widened to float32.
    ///
    /// - Throws: `FileError` where it is missing, has another shape or holds whole numbers.
    package func tensor(_ name: String, shape: [Int]) throws -> Tensor { try stored(name, shape: shape).tensor() }

    /// The values of a tensor of any shape, widened to float32.
    package func tensor(_ name: String) throws -> Tensor { try required(name).tensor() }

    /// The values of a tensor of whole numbers in row-major order.
    package func integers(_ name: String) throws -> [Int64] { try required(name).integers() }

    private func required(_ name: String) throws -> StoredTensor {
        guard let tensor = tensors[name] else { throw FileError(path, "holds no tensor '\(name)'") }
        return tensor
    }

    /// The language model of one that also sees, under the names that it has alone.
    private static func textPart(_ tensors: [String: StoredTensor]) -> [String: StoredTensor] {
        let renamings = [
            ("language_model.model.", "model."), ("model.language_model.", "model."),
            ("language_model.lm_head.", "lm_head."),
        ]
        let others = ["vision_tower.", "model.vision_tower.", "multi_modal_projector.", "model.multi_modal_projector."]
        guard tensors.keys.contains(where: { name in renamings.prefix(2).contains { name.hasPrefix($0.0) } }) else {
            return tensors
        }
        var text: [String: StoredTensor] = [:]
        for (name, tensor) in tensors where !others.contains(where: name.hasPrefix) {
            let renaming = renamings.first { name.hasPrefix($0.0) }
            let own = renaming.map { $0.1 + name.dropFirst($0.0.count) } ?? name
            text[own] = tensor.renamed(own)
        }
        return text
    }

    private typealias Contents = (tensors: [String: StoredTensor], metadata: [String: String])

    private static func whole(_ path: String) throws -> Contents {
        let stored: [StoredTensor]
        var metadata: [String: String] = [:]
        if path.hasSuffix(".safetensors") {
            let file = try SafetensorsFile(path: path)
            stored = file.names.compactMap(file.stored)
            metadata = file.metadata
        } else {
            let file = try TorchCheckpoint(path: path)
            stored = file.names.compactMap(file.stored)
        }
        return (Dictionary(uniqueKeysWithValues: stored.map { ($0.name, $0) }), metadata)
    }

    /// Reads an index, `{"weight_map": {"tensor": "file in the same folder"}}`, and the files that it names.
    private static func indexed(_ path: String) throws -> Contents {
        guard let map = try JSONValue(path: path).object?["weight_map"]?.object else {
            throw FileError(path, "has no weight_map")
        }
        let folder = (path as NSString).deletingLastPathComponent
        var shards: [String: [String: StoredTensor]] = [:]
        var tensors: [String: StoredTensor] = [:]
        var metadata: [String: String] = [:]
        for member in map.members {
            let name = member.key
            guard let shard = member.value.string else {
                throw FileError(path, "weight_map '\(name)' is not a file name")
            }
            // A name with a slash could lead anywhere on the disk.
            guard !shard.isEmpty, !shard.contains("/"), !shard.contains("\\"), shard != "..", shard != "." else {
                throw FileError(path, "weight_map '\(name)' names '\(shard)', which is not a file of this folder")
            }
            if shards[shard] == nil {
                let shardPath = folder + "/" + shard
                guard FileManager.default.fileExists(atPath: shardPath) else {
                    throw FileError(path, "names the file \(shard), which is not there; download it, too")
                }
                let contents = try whole(shardPath)
                shards[shard] = contents.tensors
                metadata.merge(contents.metadata) { first, _ in first }
            }
            guard let tensor = shards[shard]?[name] else {
                throw FileError(path, "says that \(shard) holds tensor '\(name)', which it does not")
            }
            tensors[name] = tensor
        }
        return (tensors, metadata)
    }
}
