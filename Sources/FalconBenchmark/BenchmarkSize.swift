import FalconWeights

/// The three model sizes of all benchmarks. Weights are random: speed does not depend on their values.
package enum BenchmarkSize: String, CaseIterable, Sendable {
    case small = "S"
    case medium = "M"
    case large = "L"

    /// The target model of this size.
    package var configuration: ModelConfiguration {
        switch self {
        case .small:
            ModelConfiguration(
                vocabularySize: 4096, hiddenSize: 256, layerCount: 8, headCount: 8, intermediateSize: 768)
        case .medium:
            ModelConfiguration(
                vocabularySize: 32000, hiddenSize: 1024, layerCount: 16, headCount: 16, intermediateSize: 2816)
        case .large:
            ModelConfiguration(
                vocabularySize: 32000, hiddenSize: 2048, layerCount: 22, headCount: 32, keyValueHeadCount: 4,
                intermediateSize: 5632)
        }
    }

    /// Sequences of 512 tokens in one training step.
    package var trainingBatch: Int {
        switch self {
        case .small: 4
        case .medium: 2
        case .large: 1
        }
    }
}

extension ModelConfiguration {
    /// Weights that one token multiplies in one decoder layer.
    var layerWeights: Int {
        let (query, keyValue) = (headCount * headSize, keyValueHeadCount * headSize)
        return hiddenSize * (2 * query + 2 * keyValue) + 3 * hiddenSize * intermediateSize
    }

    /// Weights that one token multiplies in the decoder layers and the LM head.
    var multipliedWeights: Int { layerCount * layerWeights + vocabularySize * hiddenSize }
}
