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
        let head = try DraftFolder(path: folder, fusion: fusion)
        try head.checkVocabulary()
        try self.init(
            head.configuration, head.weights, path: folder, embedding: embedding, vocabulary: head.vocabulary)
    }

    /// Reads a head's weights from a folder whose configuration is known.
    ///
    /// - Parameters:
    ///   - vocabulary: the tokens that it is to rank, whatever the folder says.
    ///   - newCorrection: draws the correction's weights (`BlockCorrection`) where the folder has none.
    ///   - addsAuxiliary: whether the folder has no weights for the states of lower layers (`AuxiliaryInput`), which
    ///     the configuration asks for.
    package convenience init(
        _ configuration: DraftConfiguration, weightsIn folder: String, embedding: StoredMatrix? = nil,
        vocabulary: VocabularySubset? = nil, newCorrection: RandomSource? = nil, addsAuxiliary: Bool = false
    ) throws {
        try self.init(
            configuration, WeightFolder(path: folder), path: folder, embedding: embedding, vocabulary: vocabulary,
            newCorrection: newCorrection, addsAuxiliary: addsAuxiliary)
    }

    private convenience init(
        _ configuration: DraftConfiguration, _ weights: WeightFolder, path folder: String, embedding: StoredMatrix?,
        vocabulary: VocabularySubset?, newCorrection: RandomSource? = nil, addsAuxiliary: Bool = false
    ) throws {
        do {
            var stored = StoredParameters(weights)
            if addsAuxiliary { stored = stored.adding(AuxiliaryInput.fresh(configuration)) }
            if let newCorrection {
                stored = try stored.adding(
                    BlockCorrection.fresh(
                        hidden: configuration.model.hiddenSize, rank: configuration.correctionRank,
                        embedding: embedding, newCorrection))
            }
            try self.init(configuration, .stored(stored), embedding: embedding, vocabulary: vocabulary)
        } catch let error as StateDictError {
            throw FileError(folder, error.description)
        }
    }

    /// Writes `config.json` and `model.safetensors`, each whole or not at all.
    ///
    /// - Parameter withEmbedding: whether the frozen embedding goes along; the authors' layout has it, a checkpoint
    ///   need not.
    /// - Parameter target: the fingerprint of the target that the head is trained for.
    package func write(
        folder: String, as type: ElementType = .float32, withEmbedding: Bool = true, target: String? = nil
    ) throws {
        var configuration = configuration
        if let target { configuration.model.raw["target_fingerprint"] = .string(target) }
        try configuration.write(folder: folder)
        let tensors = parameters.all.filter { withEmbedding || $0.isTrainable }.map { ($0.name, $0.value) }
        let matrices = withEmbedding ? borrowed.map { [(DraftNetwork.embeddingName, $0)] } ?? [] : []
        let (integers, masks) = DraftVocabulary.tensors(vocabulary)
        try SafetensorsWriter.write(
            folder + "/model.safetensors", matrices: matrices, tensors: tensors, as: type,
            integers: integers.map { ($0.name, $0.values, [$0.values.count]) }, masks: masks,
            metadata: DraftMetadata.entries(configuration))
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
        let own = try DraftVocabulary.read(
            WeightFolder(path: path), size: configuration.draftVocabularySize,
            vocabulary: configuration.model.vocabularySize)
        guard own == vocabulary else {
            throw FileError(path, "has another draft vocabulary than this run; resume with the features it counted")
        }
        let stored = StoredParameters(
            names: file.names.filter { !DraftVocabulary.contains($0) }, shape: { file.stored($0)?.shape },
            read: { name, _ in try file.tensor(name) })
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
            names: weights.names, shape: { weights.shape(of: $0) },
            read: { name, shape in
                let stored = try weights.stored(name, shape: shape)
                guard try stored.isFinite() else { throw FileError(stored.file.path, WeightCheck.notFinite(name)) }
                return try stored.tensor()
            })
    }
}
