import FalconJSON
import FalconTensor
import FalconWeights

/// A draft head's folder, opened: a configuration, and weights that are known to fit it.
///
/// What the configuration does not say is taken from the weights where they tell it, and what both say must agree:
/// a head that lost a line of its `config.json` would otherwise run as another head, without a sign.
package struct DraftFolder: Sendable {
    package let path: String
    package let configuration: DraftConfiguration
    package let weights: WeightFolder
    /// The tokens that the head ranks, where those are not all; `nil`, too, where `problems` says what is wrong.
    package let vocabulary: VocabularySubset?
    private let vocabularyProblem: String?

    /// - Parameter fusion: taken in place of what the folder says, for heads that say it wrongly or not at all.
    /// - Throws: `FileError` where it is no draft head's folder or one of another kind, something is not supported, or
    ///   a file is damaged or missing.
    package init(path: String, fusion: FusionKind? = nil) throws {
        try ForeignHead.refuse(path: path)
        let file = path + "/config.json"
        let document = try JSONValue(path: file)
        guard let object = document.object else { throw FileError(file, "is \(document.kind), not an object") }
        try ForeignHead.refuse(object, path: file)
        weights = try WeightFolder(path: path)
        try ForeignHead.refuse(weights, hasVocabulary: object[DraftVocabulary.key] != nil, path: path)
        self.path = path
        var configuration = try DraftConfiguration(object, path: file, weights: weights, fusion: fusion)
        // The weights outlive an edited configuration: they say whom they were trained for, too.
        if configuration.model.raw["target_fingerprint"] == nil, let target = weights.metadata[DraftMetadata.target] {
            configuration.model.raw["target_fingerprint"] = .string(target)
        }
        self.configuration = configuration
        do {
            vocabulary = try DraftVocabulary.read(
                weights, size: configuration.draftVocabularySize, vocabulary: configuration.model.vocabularySize)
            vocabularyProblem = nil
        } catch let error as FileError {
            (vocabulary, vocabularyProblem) = (nil, error.problem)
        }
    }

    /// What is wrong with the names, shapes and types of the weights, a line each.
    package var problems: [String] {
        let check = WeightCheck(
            configuration.tensors(hasEmbedding: weights.contains("embed_tokens.weight")), in: weights,
            owner: "draft head", layers: ("layers.", configuration.model.layerCount),
            ignoring: DraftVocabulary.contains)
        return check.problems + (vocabularyProblem.map { [$0] } ?? [])
    }

    /// - Throws: `FileError` where the draft vocabulary is none.
    func checkVocabulary() throws {
        if let vocabularyProblem { throw FileError(path, vocabularyProblem) }
    }

    /// - Throws: `FileError` with the first of `problems`.
    package func check() throws {
        try WeightCheck.refuse(problems, path: path, listedBy: "falcon-inspect draft --draft \(path)")
    }
}

/// What Falcon notes about a head in the metadata of its weights, so that it does not stand in `config.json` alone.
package enum DraftMetadata {
    package static let fusion = "falcon.fusion"
    package static let blockSize = "falcon.block_size"
    package static let target = "falcon.target_fingerprint"
    package static let vocabularySize = "falcon.draft_vocabulary_size"

    package static func entries(_ configuration: DraftConfiguration) -> [String: String] {
        var entries = ["format": "pt", fusion: configuration.fusion.rawValue]
        entries[blockSize] = "\(configuration.blockSize)"
        entries[vocabularySize] = configuration.draftVocabularySize.map { "\($0)" }
        entries[target] = configuration.model.raw["target_fingerprint"]?.string
        return entries
    }
}
