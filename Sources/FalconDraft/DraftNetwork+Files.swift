import FalconNN
import FalconTensor
import FalconWeights

/// A draft head's folder: `config.json` and `model.safetensors`, or PyTorch's `pytorch_model.bin`.
extension DraftNetwork {
    /// Reads a head from its folder.
    ///
    /// - Parameters:
    ///   - fusion: taken in place of the configuration's: key names cannot tell `gated` from `lstm`.
    ///   - embedding: as in `init(_:_:embedding:)`.
    /// - Throws: `FileError` that names the folder and everything that does not fit.
    package convenience init(folder: String, fusion: FusionKind? = nil, embedding: StoredMatrix? = nil) throws {
        var configuration = try DraftConfiguration(folder: folder)
        if let fusion { configuration.fusion = fusion }
        try self.init(configuration, weightsIn: folder, embedding: embedding)
    }

    /// Reads a head's weights from a folder whose configuration is known.
    package convenience init(
        _ configuration: DraftConfiguration, weightsIn folder: String, embedding: StoredMatrix? = nil
    ) throws {
        let weights = try WeightFolder(path: folder)
        do {
            try self.init(configuration, .stored(StoredParameters(weights)), embedding: embedding)
        } catch let error as StateDictError {
            throw FileError(folder, error.description)
        }
    }

    /// Writes `config.json` and `model.safetensors`, each whole or not at all.
    ///
    /// - Parameter withEmbedding: whether the frozen embedding goes along; the authors' layout has it, a checkpoint
    ///   need not.
    package func write(folder: String, as type: ElementType = .float32, withEmbedding: Bool = true) throws {
        try configuration.write(folder: folder)
        let tensors = parameters.all.filter { withEmbedding || $0.isTrainable }.map { ($0.name, $0.value) }
        let matrices = withEmbedding ? borrowed.map { [(DraftNetwork.embeddingName, $0)] } ?? [] : []
        try SafetensorsWriter.write(
            folder + "/model.safetensors", matrices: matrices, tensors: tensors, as: type, metadata: ["format": "pt"])
    }

    /// How many values `write` writes, the embedding's among them.
    package var storedValueCount: Int {
        parameters.all.reduce(0) { $0 + $1.value.count } + (borrowed.map { $0.rows * $0.columns } ?? 0)
    }

    /// Takes over the weights of a file that `write` wrote; all or none change.
    ///
    /// - Throws: `FileError` that names the file and everything that does not fit.
    package func load(file path: String) throws {
        let file = try SafetensorsFile(path: path)
        let stored = StoredParameters(
            names: file.names, shape: { file.stored($0)?.shape }, read: { name, _ in try file.tensor(name) })
        do {
            // A borrowed embedding is the target's, whatever the file says.
            try parameters.load(stored) { borrowed != nil && $0 == DraftNetwork.embeddingName }
        } catch let error as StateDictError {
            throw FileError(path, error.description)
        }
    }
}

extension StoredParameters {
    /// The weights of a model folder.
    package init(_ weights: WeightFolder) {
        self.init(
            names: weights.names, shape: { weights.shape(of: $0) }, read: { try weights.tensor($0, shape: $1) })
    }
}
