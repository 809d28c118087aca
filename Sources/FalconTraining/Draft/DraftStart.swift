import FalconDraft
import FalconModels
import FalconTensor
import Foundation

/// Where a run's draft head starts from.
extension DraftNetwork {
    /// A head of the recipe's shape, with fresh weights, or the one that `draft.init_from` names: a checkpoint, a run
    /// (its best checkpoint, else its newest), an export, or a head in the authors' layout.
    ///
    /// - Parameters:
    ///   - vocabulary: the tokens that it is to rank, where those are not all.
    ///   - log: told what a named head is, and where the recipe takes it on otherwise.
    /// - Throws: `FileError` in one line where it is missing, damaged, or does not fit the target or the recipe.
    convenience init(
        recipe: Recipe, target: EmbeddingAndHead, vocabulary: VocabularySubset? = nil, log: (String) -> Void
    ) throws {
        let fusion: FusionKind =
            switch recipe.draft.fusion {
            case .lstm: .lstm
            case .gated: .gated
            case .linear: .linear
            }
        guard !recipe.draft.initFrom.isEmpty else {
            var configuration = DraftConfiguration(
                target: target.configuration, blockSize: recipe.draft.blockSize, layerCount: recipe.draft.layers,
                fusion: fusion)
            let source = RandomSource(seed: UInt64(recipe.draft.initSeed)).stream("weights")
            let looksAhead = recipe.draft.lookAhead
            configuration.hasNewestPair = recipe.draft.newestPair
            configuration.correctionRank = recipe.draft.correctionRank
            configuration.auxiliaryLayers = recipe.draft.auxiliaryLayers
            configuration.model.plan.hasAttentionBias = looksAhead || configuration.model.plan.hasAttentionBias
            try self.init(
                configuration, .random(source), embedding: target.embedding, vocabulary: vocabulary,
                looksAhead: looksAhead)
            return
        }
        let folder = DraftNetwork.headFolder(recipe.draft.initFrom)
        // Its own sizes, positions and biases: a published head need not have the target's.
        let head = try DraftFolder(path: folder)
        var configuration = head.configuration
        for (name, own, expected) in [
            ("hidden_size", configuration.model.hiddenSize, target.configuration.hiddenSize),
            ("vocab_size", configuration.model.vocabularySize, target.configuration.vocabularySize),
        ] where own != expected {
            throw FileError(
                folder + "/config.json",
                "\(name) is \(own), the target's is \(expected): start from a head that was trained for this target")
        }
        guard configuration.model.layerCount == recipe.draft.layers else {
            throw FileError(
                folder + "/config.json",
                "the head has \(configuration.model.layerCount) layers, draft.layers is \(recipe.draft.layers); "
                    + "set draft.layers to \(configuration.model.layerCount)")
        }
        guard configuration.hasNewestPair == recipe.draft.newestPair else {
            throw FileError(
                folder + "/config.json",
                "newest_pair is \(configuration.hasNewestPair), draft.newest_pair is \(recipe.draft.newestPair); set "
                    + "draft.newest_pair to \(configuration.hasNewestPair)")
        }
        guard !configuration.hasNewestPair || configuration.blockSize == recipe.draft.blockSize else {
            throw FileError(
                folder + "/config.json",
                "the head has a vector for each of \(configuration.blockSize) offsets; set draft.block_size to "
                    + "\(configuration.blockSize)")
        }
        var changes: [String] = []
        let newCorrection = configuration.correctionRank == 0 ? recipe.draft.correctionRank : 0
        guard newCorrection > 0 || configuration.correctionRank == recipe.draft.correctionRank else {
            throw FileError(
                folder + "/config.json",
                "correction_rank is \(configuration.correctionRank), draft.correction_rank is "
                    + "\(recipe.draft.correctionRank); set draft.correction_rank to \(configuration.correctionRank)")
        }
        let (own, wanted) = (configuration.auxiliaryLayers, recipe.draft.auxiliaryLayers)
        let addsAuxiliary = own.isEmpty && !wanted.isEmpty
        guard addsAuxiliary || own == wanted else {
            throw FileError(
                folder + "/config.json",
                "auxiliary_layers is \(own), draft.auxiliary_layers is \(wanted); set draft.auxiliary_layers to \(own)")
        }
        if addsAuxiliary { changes.append("the layers \(LayerNumbers.text(wanted)) are added to its input") }
        if newCorrection > 0 { changes.append("a correction of rank \(newCorrection) is added to it") }
        if configuration.blockSize != recipe.draft.blockSize {
            changes.append("block size \(configuration.blockSize), trained on with \(recipe.draft.blockSize)")
        }
        if configuration.fusion != fusion {
            changes.append("fusion \(configuration.fusion.rawValue), trained on as \(fusion.rawValue)")
        }
        if head.vocabulary != vocabulary {
            func words(_ subset: VocabularySubset?) -> String { subset.map { "\($0.count) tokens" } ?? "all tokens" }
            changes.append(
                "draft vocabulary of \(words(head.vocabulary)), trained on with \(words(vocabulary))"
                    + (head.vocabulary?.count == vocabulary?.count ? ", others" : ""))
        }
        if recipe.draft.lookAhead { changes.append("biases as they are: draft.look_ahead is for new heads") }
        log("starts from \(folder)" + (changes.isEmpty ? "" : " (\(changes.joined(separator: "; ")))"))
        (configuration.blockSize, configuration.fusion) = (recipe.draft.blockSize, fusion)
        configuration.correctionRank = recipe.draft.correctionRank
        configuration.auxiliaryLayers = wanted
        // What a new correction starts from is a new head's, which drafts as one without it.
        let fresh = RandomSource(seed: UInt64(recipe.draft.initSeed)).stream("weights")
        try self.init(
            configuration, weightsIn: folder, embedding: target.embedding, vocabulary: vocabulary,
            newCorrection: newCorrection > 0 ? fresh : nil, addsAuxiliary: addsAuxiliary)
    }

    /// The folder of the head itself, where a run's is given.
    private static func headFolder(_ path: String) -> String {
        let files = FileManager.default
        guard !files.fileExists(atPath: path + "/config.json") else { return path }
        for note in ["best", "latest"] {
            guard let text = try? String(contentsOfFile: path + "/" + note, encoding: .utf8) else { continue }
            let name = text.trimmingCharacters(in: .whitespacesAndNewlines)
            if name.hasPrefix("step-"), !name.contains("/"), files.fileExists(atPath: path + "/" + name) {
                return path + "/" + name
            }
        }
        return path
    }
}
