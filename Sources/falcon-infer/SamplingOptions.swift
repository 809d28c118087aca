import ArgumentParser
import FalconCommandSupport
import FalconDecoding

/// How tokens are drawn.
struct SamplingOptions: ParsableArguments {
    @OptionGroup var drawing: DrawingOptions

    @Option(help: "Draw from this many of the likeliest tokens; 0 for all.")
    var topK: Int?

    func validate() throws {
        if let topK, topK < 0 { throw ValidationError("--top-k \(topK): give 0 or more.") }
    }

    /// The options by name, and whether each was given.
    var given: [(option: String, isGiven: Bool)] { drawing.given + own }

    private var own: [(option: String, isGiven: Bool)] { [("--top-k", topK != nil)] }

    /// - Throws: `ValidationError` for an option that changes nothing.
    func refuseWithoutEffect() throws { try drawing.refuseWithoutEffect(own) }

    var rule: SamplingRule {
        SamplingRule(
            temperature: drawing.temperature ?? 0, topK: topK ?? 0, topP: drawing.topP ?? 1, seed: drawing.seed ?? 0)
    }
}
