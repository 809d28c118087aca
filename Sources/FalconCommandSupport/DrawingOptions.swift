import ArgumentParser

/// How tokens are drawn, for every command that draws some.
package struct DrawingOptions: ParsableArguments {
    @Option(help: "Draw tokens with this temperature; 0, as where it is left out, takes the likeliest.")
    package var temperature: Double?

    @Option(help: "Draw from the likeliest tokens that make up this share of the probability.")
    package var topP: Double?

    @Option(
        help: "The random numbers of drawing: the same seed, 0 where it is left out, draws the same tokens.",
        transform: OptionEffect.seed)
    package var seed: UInt64?

    package init() {}

    package func validate() throws {
        if let temperature, !(0...100).contains(temperature) {
            throw ValidationError("--temperature \(temperature): give 0 to 100.")
        }
        if let topP, !(topP > 0 && topP <= 1) {
            throw ValidationError("--top-p \(topP): give more than 0 and 1 at most.")
        }
    }

    /// The options beside the temperature by name, and whether each was given.
    package var details: [(option: String, isGiven: Bool)] { [("--top-p", topP != nil), ("--seed", seed != nil)] }

    /// All of them.
    package var given: [(option: String, isGiven: Bool)] { [("--temperature", temperature != nil)] + details }

    /// - Parameter more: of the command's own that are for drawing.
    /// - Throws: `ValidationError` for an option that changes nothing where the likeliest token is taken.
    package func refuseWithoutEffect(_ more: [(option: String, isGiven: Bool)] = []) throws {
        guard temperature ?? 0 == 0 else { return }
        try OptionEffect.refuse(
            more + details, because: "is for drawing tokens; give --temperature above 0, too.")
    }
}
