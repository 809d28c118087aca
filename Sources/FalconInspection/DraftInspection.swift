import FalconDraft
import FalconTensor
import FalconWeights

/// What a draft head's folder holds, and what is wrong with it: by itself, and for a target.
package struct DraftInspection: Sendable, Encodable {
    package let folder: String
    package let blockSize, layers, hiddenSize, vocabularySize: Int
    /// How many of the vocabulary's tokens the head ranks; `nil` where it ranks all.
    package let draftVocabularySize: Int?
    /// Layers of the target whose states the head reads beside the features; `nil` where it reads none.
    package let auxiliaryLayers: [Int]?
    package let fusion: String
    package let rotary: String
    /// Values of the head without the embedding, which is the target's.
    package let parameters: Int
    package let storedTypes: [String: Int]
    package let findings: [Finding]

    /// - Parameters:
    ///   - folder: with `config.json` and weights.
    ///   - fusion: taken in place of the configuration's.
    ///   - blockSize: the k that the head is expected to have.
    ///   - target: the folder of the model that the head is to draft for.
    /// - Throws: `FileError` where a configuration is not supported or a file is damaged.
    package init(folder: String, fusion: FusionKind?, blockSize wanted: Int? = nil, target: String?) throws {
        let head = try DraftFolder(path: folder, fusion: fusion)
        let (configuration, weights) = (head.configuration, head.weights)
        self.folder = folder
        let model = configuration.model
        (blockSize, layers) = (configuration.blockSize, model.layerCount)
        (hiddenSize, vocabularySize) = (model.hiddenSize, model.vocabularySize)
        draftVocabularySize = configuration.draftVocabularySize
        auxiliaryLayers = configuration.auxiliaryLayers.isEmpty ? nil : configuration.auxiliaryLayers
        self.fusion = configuration.fusion.rawValue
        rotary = model.rotary.words
        let stored = weights.names.compactMap { weights.stored($0) }
        parameters = stored.reduce(0) {
            $0 + ($1.name == "embed_tokens.weight" || DraftVocabulary.contains($1.name) ? 0 : $1.count)
        }
        storedTypes = Dictionary(stored.map { ($0.type.rawValue, 1) }, uniquingKeysWith: +)

        var findings = head.problems.map(Finding.problem)
        let expected = configuration.tensors(hasEmbedding: weights.contains("embed_tokens.weight"))
        for (name, _) in expected {
            guard let stored = weights.stored(name), stored.type.isFloatingPoint, try !stored.isFinite() else {
                continue
            }
            findings.append(.problem(WeightCheck.notFinite(name)))
        }
        if let wanted, wanted != blockSize {
            findings.append(
                .problem("k_mask is \(blockSize), not \(wanted): trees and features for one fit no other"))
        }
        if findings.isEmpty { findings += try DraftDoctor.weightFindings(configuration, weights) }
        if !weights.contains("embed_tokens.weight") {
            findings.append(.note("no embed_tokens.weight: the embedding is taken from the target"))
        }
        if let target { findings += try DraftDoctor.targetFindings(head, target: target) }
        self.findings = findings
    }

    /// The report for people.
    package var lines: [String] {
        let types = storedTypes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        let states = auxiliaryLayers.map { [("reads", "states of the target's layers \(LayerNumbers.text($0)), too")] }
        return FactTable.lines(
            [
                ("block size", "\(blockSize)"), ("fusion", fusion), ("layers", "\(layers), hidden size \(hiddenSize)"),
                ("vocabulary", "\(vocabularySize)" + (draftVocabularySize.map { ", of which it ranks \($0)" } ?? "")),
                ("positions", rotary),
            ] + (states ?? []) + [
                ("parameters", "\(parameters) without the embedding"), ("stored", "tensors: \(types)"),
            ]) + findings.map(\.line)
    }

    enum CodingKeys: String, CodingKey {
        case folder, layers, fusion, rotary, parameters, findings
        case blockSize = "block_size", hiddenSize = "hidden_size", vocabularySize = "vocabulary_size"
        case draftVocabularySize = "draft_vocabulary_size", auxiliaryLayers = "auxiliary_layers"
        case storedTypes = "stored_types"
    }
}
