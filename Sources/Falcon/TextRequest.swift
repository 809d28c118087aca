internal import FalconDecoding

/// A text that is asked for, as the model's thread gets it.
package struct TextRequest: Sendable {
    /// At least one token.
    package let prompt: [Int32]
    package let options: GenerationOptions
    /// The tokens that end it.
    package let endTokens: Set<Int32>
    /// Names its random numbers beside the seed; the prompt does where it is `nil`.
    package let stream: String?
    /// Seconds of the steady clock at which it was asked for.
    package let submitted: Double

    package init(
        prompt: [Int32], options: GenerationOptions, endTokens: Set<Int32>, stream: String? = nil,
        submitted: Double
    ) {
        (self.prompt, self.options, self.endTokens) = (prompt, options, endTokens)
        (self.stream, self.submitted) = (stream, submitted)
    }
}
