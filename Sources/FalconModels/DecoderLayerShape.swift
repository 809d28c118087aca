import FalconWeights

/// The sizes and switches of one decoder layer: what differs between Llama, Mistral, Qwen2, Qwen3 and the draft head.
package struct DecoderLayerShape: Sendable, Equatable {
    package var hiddenSize: Int
    package var headCount: Int
    package var keyValueHeadCount: Int
    package var headSize: Int
    package var intermediateSize: Int
    package var normEpsilon: Float
    /// Biases of the query, key and value projections (Qwen2).
    package var hasAttentionBias: Bool
    /// A bias of the attention's output projection.
    package var hasOutputBias: Bool
    /// Biases of the three projections of the gated MLP.
    package var hasMLPBias: Bool
    /// RMSNorm over each head of queries and keys (Qwen3).
    package var hasQueryKeyNorm: Bool
    /// Whether the layer normalises its input; the draft head's first layer does not.
    package var hasInputNorm: Bool

    /// The layer of a target model.
    package init(_ configuration: ModelConfiguration, hasInputNorm: Bool = true) {
        hiddenSize = configuration.hiddenSize
        headCount = configuration.headCount
        keyValueHeadCount = configuration.keyValueHeadCount
        headSize = configuration.headSize
        intermediateSize = configuration.intermediateSize
        normEpsilon = configuration.normEpsilon
        hasAttentionBias = configuration.hasAttentionBias
        hasOutputBias = configuration.hasOutputBias
        hasMLPBias = configuration.hasMLPBias
        hasQueryKeyNorm = configuration.hasQueryKeyNorm
        self.hasInputNorm = hasInputNorm
    }

    var queryWidth: Int { headCount * headSize }
    var keyValueWidth: Int { keyValueHeadCount * headSize }
}
