import ArgumentParser
import FalconDecoding

/// How tokens are drawn.
struct SamplingOptions: ParsableArguments {
    @Option(help: "Draw tokens with this temperature; 0 takes the likeliest.")
    var temperature = 0.0

    @Option(help: "Draw from this many of the likeliest tokens; 0 for all.")
    var topK = 0

    @Option(help: "Draw from the likeliest tokens that make up this share of the probability.")
    var topP = 1.0

    @Option(help: "The random numbers of drawing: the same seed draws the same tokens.")
    var seed: UInt64 = 0

    func validate() throws {
        if !(0...100).contains(temperature) { throw ValidationError("--temperature \(temperature): give 0 to 100.") }
        if topK < 0 { throw ValidationError("--top-k \(topK): give 0 or more.") }
        if !(topP > 0 && topP <= 1) { throw ValidationError("--top-p \(topP): give more than 0 and 1 at most.") }
    }

    var rule: SamplingRule { SamplingRule(temperature: temperature, topK: topK, topP: topP, seed: seed) }
}
