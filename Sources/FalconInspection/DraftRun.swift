import FalconDraft
import FalconTensor
import FalconWeights

/// Runs a draft head over features and tokens from a file, for comparison with other programs.
package enum DraftRun {
    /// Reads `hidden_states` `[batch, time, hidden]`, `input_ids` `[batch, time]` (already one step ahead) and, where
    /// it is there, `attention_mask` `[batch, time]` (1, then 0 for padding on the right); for a head that reads the
    /// states of layers, `auxiliary` `[batch, time, layers * hidden]`. Writes `draft_hidden` `[batch, time, hidden]`,
    /// float32.
    ///
    /// - Parameters:
    ///   - folder: the draft head's.
    ///   - fusion: taken in place of the configuration's.
    ///   - target: lends its embedding to a head that is stored without one.
    /// - Throws: `FileError` where a tensor is missing, has another shape or holds tokens outside the vocabulary.
    package static func run(
        folder: String, fusion: FusionKind?, target: String?, input: String, output: String, on pool: ThreadPool
    ) throws {
        var embedding: StoredMatrix?
        if let target, try !WeightFolder(path: folder).contains("embed_tokens.weight") {
            embedding = StoredMatrix(
                try WeightFolder(path: ModelPath.resolved(target)).tensor("model.embed_tokens.weight"))
        }
        let network = try DraftNetwork(folder: folder, fusion: fusion, embedding: embedding)
        let file = try SafetensorsFile(path: input)
        let model = network.configuration.model
        let features = try file.tensor("hidden_states")
        guard features.shape.count == 3, features.shape[2] == model.hiddenSize, features.rowCount > 0 else {
            throw FileError(
                input, "hidden_states has shape \(features.shape), not [batch, time, \(model.hiddenSize)]")
        }
        let tokens = try rows("input_ids", of: file, shape: Array(features.shape.prefix(2)))
        for token in tokens.joined() where Int(token) >= model.vocabularySize {
            throw FileError(input, "token \(token) lies outside the vocabulary of \(model.vocabularySize)")
        }
        var lengths = [Int](repeating: features.shape[1], count: features.shape[0])
        if file.stored("attention_mask") != nil {
            lengths = try rows("attention_mask", of: file, shape: Array(features.shape.prefix(2))).map { row in
                let length = row.count { $0 == 1 }
                guard length > 0, row.prefix(length).allSatisfy({ $0 == 1 }),
                    row.dropFirst(length).allSatisfy({ $0 == 0 })
                else { throw FileError(input, "attention_mask must have ones, then zeros, in every row") }
                return length
            }
        }
        var states: Tensor?
        let layers = network.configuration.auxiliaryLayers
        if !layers.isEmpty {
            let given = try file.tensor("auxiliary")
            let shape = Array(features.shape.prefix(2)) + [layers.count * model.hiddenSize]
            guard given.shape == shape else {
                throw FileError(
                    input,
                    "auxiliary has shape \(given.shape), not \(shape): the states of the target's layers "
                        + LayerNumbers.text(layers))
            }
            states = given
        }
        let result = network.features(features, states: states, nextTokens: tokens, lengths: lengths, on: pool)
        try SafetensorsWriter.write(output, tensors: [("draft_hidden", result)])
    }

    private static func rows(_ name: String, of file: SafetensorsFile, shape: [Int]) throws -> [[Int32]] {
        guard let stored = file.stored(name) else { throw FileError(file.path, "holds no tensor '\(name)'") }
        guard stored.shape == shape else {
            throw FileError(file.path, "\(name) has shape \(stored.shape) where hidden_states needs \(shape)")
        }
        let values = try TokenInput.tokens(stored.integers(), name: name, path: file.path)
        return (0..<shape[0]).map { Array(values[$0 * shape[1]..<($0 + 1) * shape[1]]) }
    }
}
