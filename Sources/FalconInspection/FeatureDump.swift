import FalconModels
import FalconTensor
import FalconWeights

/// Features and logits of a target model over one sequence, for comparison with other programs.
package enum FeatureDump {
    /// Computes and writes `hidden` `[time, hidden]`, the features after the final norm, and `logits`
    /// `[time, vocabulary]`, both float32, and `input_ids` `[time]`.
    ///
    /// - Throws: `FileError` where a token lies outside the vocabulary or the file cannot be written.
    package static func write(_ tokens: [Int32], model: TargetModel, to path: String, on pool: ThreadPool) throws {
        guard !tokens.isEmpty else { throw FileError(path, "there are no tokens to compute features of") }
        let vocabulary = model.configuration.vocabularySize
        if let token = tokens.first(where: { $0 < 0 || Int($0) >= vocabulary }) {
            throw FileError(path, "token \(token) lies outside the target's vocabulary of \(vocabulary)")
        }
        guard tokens.count <= model.configuration.positionLimit else {
            throw FileError(
                path, "\(tokens.count) tokens are more than the target's \(model.configuration.positionLimit) positions"
            )
        }
        let hidden = model.forward(tokens, cache: model.makeCache(capacity: tokens.count), on: pool)
        try SafetensorsWriter.write(
            path, tensors: [("hidden", hidden), ("logits", model.logits(hidden, on: pool))],
            integers: [("input_ids", tokens.map(Int64.init), [tokens.count])])
    }
}
