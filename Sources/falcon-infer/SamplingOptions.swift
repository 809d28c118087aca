import ArgumentParser
import FalconCommandSupport
import FalconDecoding

/// How tokens are drawn.
struct SamplingOptions: ParsableArguments {
    @Option(help: "Draw tokens with this temperature; 0, as where it is left out, takes the likeliest.")
    var temperature: Double?

    @Option(help: "Draw from this many of the likeliest tokens; 0 for all.")
    var topK: Int?

    @Option(help: "Draw from the likeliest tokens that make up this share of the probability.")
    var topP: Double?

    @Option(
        help: "The random numbers of drawing: the same seed, 0 where it is left out, draws the same tokens.",
        transform: OptionEffect.seed)
    var seed: UInt64?

    func validate() throws {
        if let temperature, !(0...100).contains(temperature) {
            throw ValidationError("--temperature \(temperature): give 0 to 100.")
        }
        if let topK, topK < 0 { throw ValidationError("--top-k \(topK): give 0 or more.") }
        if let topP, !(topP > 0 && topP <= 1) {
            throw ValidationError("--top-p \(topP): give more than 0 and 1 at most.")
        }
    }

    /// The options by name, and whether each was given.
    var given: [(option: String, isGiven: Bool)] { [("--temperature", temperature != nil)] + details }

    private var details: [(option: String, isGiven: Bool)] {
        [("--top-k", topK != nil), ("--top-p", topP != nil), ("--seed", seed != nil)]
    }

    /// - Throws: `ValidationError` for an option that changes nothing.
    func refuseWithoutEffect() throws {
        guard rule.isGreedy else { return }
        try OptionEffect.refuse(details, because: "is for drawing tokens; give --temperature above 0, too.")
    }

    var rule: SamplingRule {
        SamplingRule(temperature: temperature ?? 0, topK: topK ?? 0, topP: topP ?? 1, seed: seed ?? 0)
    }
}
