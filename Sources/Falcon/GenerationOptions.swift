internal import FalconDecoding

/// How a text is continued: how its tokens are chosen, and what ends it beside the model's own end token.
///
/// ```swift
/// var options = GenerationOptions(maximumTokens: 200)
/// options.stop = ["\n\n"]
/// ```
///
/// With the same options a prompt gives the same text, whatever else is being decoded and on any number of threads.
public struct GenerationOptions: Sendable, Equatable {
    /// The most tokens of the text; 512 where nothing else is said. The model's context may end it before.
    public var maximumTokens: Int
    /// 0 always takes the likeliest token; greater values draw, the more evenly the greater they are.
    public var temperature: Double
    /// How many of the likeliest tokens may be drawn; 0 for all.
    public var topK: Int
    /// The share of the probability that may be drawn, more than 0 and 1 at most.
    public var topP: Double
    /// The random numbers of drawing: the same seed draws the same tokens.
    public var seed: UInt64
    /// Texts that end the answer where one of them appears; it is not part of the answer then. Where several could, the
    /// one that is complete first does.
    public var stop: [String]
    /// How many of the likeliest tokens to tell beside each token, with their probabilities; 0 for the token's own
    /// alone. `nil`, the default, tells none: scores take a second pass over the text.
    public var scoredAlternatives: Int?

    /// Greedy decoding of 512 tokens at most, unless told otherwise.
    public init(
        maximumTokens: Int = 512, temperature: Double = 0, topK: Int = 0, topP: Double = 1, seed: UInt64 = 0,
        stop: [String] = [], scoredAlternatives: Int? = nil
    ) {
        (self.maximumTokens, self.temperature, self.topK) = (maximumTokens, temperature, topK)
        (self.topP, self.seed, self.stop) = (topP, seed, stop)
        self.scoredAlternatives = scoredAlternatives
    }

    package static let mostAlternatives = 20

    /// - Throws: `FalconError` that names the option.
    func check() throws {
        if maximumTokens < 1 { throw FalconError("maximumTokens is \(maximumTokens): give 1 or more") }
        guard temperature >= 0, temperature <= 100 else {
            throw FalconError("temperature is \(temperature): give 0 to 100")
        }
        if topK < 0 { throw FalconError("topK is \(topK): give 0 or more") }
        guard topP > 0, topP <= 1 else { throw FalconError("topP is \(topP): give more than 0 and 1 at most") }
        if let scoredAlternatives, !(0...GenerationOptions.mostAlternatives).contains(scoredAlternatives) {
            throw FalconError(
                "scoredAlternatives is \(scoredAlternatives): give 0 to \(GenerationOptions.mostAlternatives)")
        }
        if stop.contains("") { throw FalconError("stop holds an empty text: it would end every answer at once") }
    }

    var sampling: SamplingRule {
        SamplingRule(temperature: temperature, topK: topK, topP: topP, seed: seed)
    }
}
