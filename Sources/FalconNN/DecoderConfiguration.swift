/// The sizes of a Llama decoder layer, and how many there are.
package struct DecoderConfiguration: Sendable, Equatable {
    package var layerCount: Int
    package var hiddenSize: Int
    package var headCount: Int
    package var keyValueHeadCount: Int
    package var headSize: Int
    package var intermediateSize: Int
    package var normEpsilon: Float
    /// Whether the query, key and value projections have biases.
    package var hasAttentionBias: Bool
    /// Where new biases of queries and keys start; `nil`: at zero.
    package var lookAhead: LookAhead?
    /// The standard deviation of new weights (Hugging Face's `initializer_range`).
    package var initializerRange: Float

    /// - Precondition: the key/value heads divide the heads.
    package init(
        layerCount: Int, hiddenSize: Int, headCount: Int, keyValueHeadCount: Int, headSize: Int, intermediateSize: Int,
        normEpsilon: Float, hasAttentionBias: Bool = false, lookAhead: LookAhead? = nil,
        initializerRange: Float = 0.02
    ) {
        precondition(
            keyValueHeadCount > 0 && headCount % keyValueHeadCount == 0,
            "\(keyValueHeadCount) key/value heads do not divide \(headCount) heads")
        self.layerCount = layerCount
        self.hiddenSize = hiddenSize
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headSize = headSize
        self.intermediateSize = intermediateSize
        self.normEpsilon = normEpsilon
        self.hasAttentionBias = hasAttentionBias
        self.lookAhead = lookAhead
        self.initializerRange = initializerRange
    }
}
