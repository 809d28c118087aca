/// How the weights of a new decoder layer begin.
package struct LayerStart: Sendable {
    /// The standard deviation of projections (Hugging Face's `initializer_range`).
    package var deviation: Float
    /// Where biases of queries and keys start; `nil`: at zero.
    package var lookAhead: LookAhead?

    package init(deviation: Float = 0.02, lookAhead: LookAhead? = nil) {
        (self.deviation, self.lookAhead) = (deviation, lookAhead)
    }
}
