import FalconJSON
import FalconShards
import FalconTensor
import FalconTraining
import FalconWeights
import Foundation

/// Inputs that mutations start from: right and wrong ones, small, of every form that a reader knows.
package struct FuzzSeeds: Sendable {
    /// The repository's `Tests/Fixtures`.
    private let fixtures: String
    /// A folder of further inputs, one folder a reader; found cases are kept there.
    private let corpus: String?

    package init(fixtures: String, corpus: String? = nil) {
        (self.fixtures, self.corpus) = (fixtures, corpus)
    }

    /// - Throws: where the folder with the fixtures is not there.
    package func inputs(for reader: FuzzedReader) throws -> [[UInt8]] {
        let kept = corpus.map { $0 + "/" + reader.rawValue } ?? ""
        return try own(reader) + (FileManager.default.fileExists(atPath: kept) ? files(kept, "") : [])
    }

    private func own(_ reader: FuzzedReader) throws -> [[UInt8]] {
        switch reader {
        case .safetensors:
            return try files(fixtures + "/safetensors/good", ".safetensors")
                + files(fixtures + "/safetensors/bad", ".safetensors")
        case .torchZip:
            return try files(fixtures + "/torchbin/good", "_zip.bin") + files(fixtures + "/torchbin/bad", ".bin", 4096)
        case .torchProgram: return try programs()
        case .torchLegacy:
            return try ["good/legacy.bin", "bad/legacy_reduce.bin"].map { try bytes(fixtures + "/torchbin/" + $0) }
        case .weightIndex:
            let name = "model-00001-of-00001.safetensors"
            return try texts([
                #"{"metadata": {"total_size": 8}, "weight_map": {"a": "\#(name)"}}"#,
                #"{"weight_map": {"f32": "\#(name)", "i64": "\#(name)", "scalar": "\#(name)"}}"#,
                #"{"weight_map": {\#(tensorNames().map { "\"\($0)\": \"\(name)\"" }.joined(separator: ", "))}}"#,
            ])
        case .gguf: return try files(fixtures + "/gguf", ".gguf")
        case .shard: return try shards() + files(fixtures + "/hdf5", ".h5", 1 << 14)
        case .manifest: return [try manifest()]
        case .tokenizer: return try FuzzSeeds.smallTokenizers(fixtures + "/tokenizers")
        case .template: return texts(FuzzSeeds.templates)
        case .configuration:
            return try texts([FuzzSeeds.targetConfiguration]) + models("targets", "config.json")
                + models("targets", "config_alt.json")
        case .draftConfiguration: return try models("drafter", "config.json")
        case .recipe: return try files(fixtures + "/../../Recipes", ".toml") + texts(FuzzSeeds.recipes)
        case .tree: return texts(FuzzSeeds.trees)
        case .dataset, .chat: return texts(FuzzSeeds.chats)
        case .packedDataset: return try files(fixtures + "/datasets", ".zst")
        case .trainingState: return [try trainingState()]
        }
    }

    private func texts(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }

    private func bytes(_ path: String) throws -> [UInt8] {
        let file = try MappedFile(path: path)
        return file.bytes(0..<file.count)
    }

    /// The files of a folder, in the order of their names, that are not too long to be changed quickly.
    private func files(_ folder: String, _ ending: String, _ limit: Int = 1 << 17) throws -> [[UInt8]] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted().filter { $0.hasSuffix(ending) }
            .map { try bytes(folder + "/" + $0) }.filter { $0.count <= limit }
    }

    private func models(_ family: String, _ name: String) throws -> [[UInt8]] {
        let folder = fixtures + "/" + family
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            .map { "\(folder)/\($0)/\(name)" }.filter(FileManager.default.fileExists).map(bytes)
    }

    private func tensorNames() throws -> [String] {
        try SafetensorsFile(path: fixtures + "/safetensors/good/dtypes.safetensors").names
    }

    private func programs() throws -> [[UInt8]] {
        let folder = fixtures + "/torchbin/good"
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().filter { $0.hasSuffix("_zip.bin") }
            .compactMap { name in
                let file = try MappedFile(path: folder + "/" + name)
                let records = try ZipArchive(file).records
                return records.first { $0.key.hasSuffix("/data.pkl") }.map { file.bytes($0.value) }
            }
    }

    /// One small shard for each way of storing features, chunks smaller than sequences.
    private func shards() throws -> [[UInt8]] {
        try FeatureStorage.allCases.map { storage in
            let path = NSTemporaryDirectory() + "falcon-fuzz-\(UUID().uuidString).h5"
            defer { try? FileManager.default.removeItem(atPath: path) }
            _ = try FuzzSeeds.writeShard(path, storage)
            return try bytes(path)
        }
    }

    private static func writeShard(_ path: String, _ storage: FeatureStorage) throws -> ShardContents {
        let writer = try ShardWriter(
            path: path, description: description(storage), chunkRows: 4, pool: ThreadPool(threadCount: 1))
        var random = RandomSource(seed: 1)
        for length in [5, 1, 9] {
            try writer.append(
                FeatureSequence(
                    id: "chat-\(length)", tokens: (0..<length).map { Int32($0) },
                    lossMask: (0..<length).map { UInt8($0 % 2) },
                    features: Tensor(normal: 1, [length, 6], from: &random),
                    auxiliary: AuxiliaryFeatures(
                        layers: [2, 3], rows: Tensor(normal: 1, [length, 12], from: &random))))
        }
        return try writer.finish()
    }

    private static func description(_ storage: FeatureStorage) -> ShardDescription {
        ShardDescription(
            hiddenSize: 6, storage: storage, maxLength: 20, targetFingerprint: "target",
            tokenizerFingerprint: "tokenizer", auxiliaryLayers: [2, 3])
    }

    /// The manifest of a folder with the first of `shards`.
    private func manifest() throws -> [UInt8] {
        let path = NSTemporaryDirectory() + "falcon-fuzz-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let storage = FeatureStorage.allCases[0]
        let folder = try ShardFolder(
            path: path, description: FuzzSeeds.description(storage), settings: ["range": "0:3"])
        let contents = try FuzzSeeds.writeShard(folder.shardPath(0), storage)
        try folder.record(0, contents, skipped: ["too short": 1], failed: ["not finite": 2])
        return try bytes(path + "/" + ShardManifest.fileName)
    }

    /// The weights that fit `targetConfiguration`.
    static func targetWeights() throws -> [UInt8] {
        let path = NSTemporaryDirectory() + "falcon-fuzz-\(UUID().uuidString).safetensors"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var random = RandomSource(seed: 1)
        let shapes: [(String, [Int])] = [
            ("embed_tokens", [20, 8]), ("norm", [8]), ("layers.0.input_layernorm", [8]),
            ("layers.0.post_attention_layernorm", [8]), ("layers.0.self_attn.q_proj", [8, 8]),
            ("layers.0.self_attn.k_proj", [4, 8]), ("layers.0.self_attn.v_proj", [4, 8]),
            ("layers.0.self_attn.o_proj", [8, 8]), ("layers.0.mlp.gate_proj", [12, 8]),
            ("layers.0.mlp.up_proj", [12, 8]), ("layers.0.mlp.down_proj", [8, 12]),
        ]
        let tensors = shapes.map { shape in
            (name: "model.\(shape.0).weight", tensor: Tensor(normal: 0.4, shape.1, from: &random))
        }
        try SafetensorsWriter.write(path, tensors: tensors)
        let file = try MappedFile(path: path)
        return file.bytes(0..<file.count)
    }

    /// The weights that fit one of the drafters' configurations.
    func draftWeights() throws -> [UInt8] { try bytes(fixtures + "/drafter/k3_gqa/model.safetensors") }

    private func trainingState() throws -> [UInt8] {
        let path = NSTemporaryDirectory() + "falcon-fuzz-\(UUID().uuidString).json"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var state = TrainingState(kind: "draft", recipe: try Recipe().toml, recipeHash: "0")
        state.random = ["noise": RandomSource(seed: 1)]
        state.fingerprints = ["target": "f"]
        try state.write(path)
        return try bytes(path)
    }
}
