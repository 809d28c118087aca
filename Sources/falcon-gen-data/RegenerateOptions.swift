import ArgumentParser
import FalconCommandSupport
import FalconDataGeneration
import FalconDecoding

/// How the target answers the prompts itself.
struct RegenerateOptions: ParsableArguments {
    @Flag(help: "Let the target answer the prompts itself, turn by turn, instead of taking the data set's answers.")
    var regenerate = false

    @Option(help: "A draft head's folder: the same answers, sooner.")
    var draft: String?

    @Flag(help: "Draft with a head of another target of the same sizes, too.")
    var allowOtherTarget = false

    @Option(
        help: """
            Draft tree: \(TokenTree.names.joined(separator: ", ")), chain:D, or a file ending in .toml; \
            \(TokenTree.Size.medium.rawValue) where it is left out.
            """)
    var tree: String?

    @Option(help: "Draw tokens with this temperature; 0, as where it is left out, takes the likeliest.")
    var temperature: Double?

    @Option(help: "Draw from the likeliest tokens that make up this share of the probability.")
    var topP: Double?

    @Option(
        help: "The same seed, 0 where it is left out, draws the same answers.", transform: OptionEffect.seed)
    var seed: UInt64?

    @Option(help: "The most tokens of an answer; 512 where it is left out.")
    var maxNewTokens: Int?

    func validate() throws {
        if let temperature, !(0...100).contains(temperature) {
            throw ValidationError("--temperature \(temperature): give 0 to 100.")
        }
        if let topP, !(topP > 0 && topP <= 1) {
            throw ValidationError("--top-p \(topP): give more than 0 and 1 at most.")
        }
        if let maxNewTokens, maxNewTokens < 1 {
            throw ValidationError("--max-new-tokens \(maxNewTokens): give 1 or more.")
        }
        let drawing = [("--top-p", topP != nil), ("--seed", seed != nil)]
        if !regenerate {
            try OptionEffect.refuse(
                [
                    ("--draft", draft != nil), ("--tree", tree != nil), ("--temperature", temperature != nil),
                    ("--max-new-tokens", maxNewTokens != nil),
                ] + drawing, because: "is for --regenerate.")
        }
        if draft == nil {
            try OptionEffect.refuse(
                [("--tree", tree != nil), ("--allow-other-target", allowOtherTarget)],
                because: "is for a head given with --draft.")
        }
        if temperature ?? 0 == 0 {
            try OptionEffect.refuse(drawing, because: "is for drawing tokens; give --temperature above 0, too.")
        }
    }

    /// `nil` where the data set's own answers are taken.
    var options: RegenerationOptions? {
        guard regenerate else { return nil }
        return RegenerationOptions(
            draft: draft, allowsOtherTarget: allowOtherTarget, tree: tree ?? TokenTree.Size.medium.rawValue,
            sampling: SamplingRule(temperature: temperature ?? 0, topP: topP ?? 1, seed: seed ?? 0),
            maxNewTokens: maxNewTokens ?? 512)
    }
}
