import ArgumentParser
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

    @Option(help: "Draft tree: \(TokenTree.names.joined(separator: ", ")), chain:D, or a file ending in .toml.")
    var tree = TokenTree.Size.medium.rawValue

    @Option(help: "Draw tokens with this temperature; 0 takes the likeliest.")
    var temperature = 0.0

    @Option(help: "Draw from the likeliest tokens that make up this share of the probability.")
    var topP = 1.0

    @Option(help: "The same seed draws the same answers.")
    var seed: UInt64 = 0

    @Option(help: "The most tokens of an answer.")
    var maxNewTokens = 512

    func validate() throws {
        if !(0...100).contains(temperature) { throw ValidationError("--temperature \(temperature): give 0 to 100.") }
        if !(topP > 0 && topP <= 1) { throw ValidationError("--top-p \(topP): give more than 0 and 1 at most.") }
        if maxNewTokens < 1 { throw ValidationError("--max-new-tokens \(maxNewTokens): give 1 or more.") }
        if !regenerate, draft != nil || temperature != 0 || topP != 1 || seed != 0 || maxNewTokens != 512 {
            throw ValidationError("--draft, --temperature, --top-p, --seed and --max-new-tokens are for --regenerate.")
        }
        if allowOtherTarget, draft == nil {
            throw ValidationError("--allow-other-target is for a head given with --draft.")
        }
    }

    /// `nil` where the data set's own answers are taken.
    var options: RegenerationOptions? {
        guard regenerate else { return nil }
        return RegenerationOptions(
            draft: draft, allowsOtherTarget: allowOtherTarget, tree: tree,
            sampling: SamplingRule(temperature: temperature, topP: topP, seed: seed),
            maxNewTokens: maxNewTokens)
    }
}
