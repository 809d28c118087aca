import ArgumentParser
import FalconCommandSupport
import FalconInspection
import FalconModels
import FalconTensor

struct InspectFeatures: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "features",
        abstract: "Writes a target's features and logits over a sequence to a safetensors file.",
        discussion: """
            Example: falcon-inspect features --target models/llama --tokens 1,2,3 --output features.safetensors

            The file holds hidden [time, hidden], after the final norm, and logits [time, vocabulary], float32.
            """)

    @Option(help: "The target model's folder.")
    var target: String

    @Option(help: "Token ids, separated by commas.")
    var tokens: String?

    @Option(help: "A safetensors file with the token ids, in input_ids or tokens.")
    var tokensFile: String?

    @Option(help: "The row of the tokens to take, from 0, where the file holds several.")
    var row: Int?

    @Option(help: "The file to write.")
    var output: String

    @Option(help: "Arithmetic of the target's products, as in falcon-infer; float32 to compare with other programs.")
    var precision = ProductArithmetic.float32

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (tokens == nil) != (tokensFile == nil) else {
            throw ValidationError("Give either --tokens or --tokens-file.")
        }
        guard tokensFile != nil || row == nil else { throw ValidationError("--row is for --tokens-file.") }
    }

    func run() throws {
        let interruption = Interruption(endsAtOnce: true)
        defer { withExtendedLifetime(interruption) {} }
        try RunFiles(
            inputs: [("--target", target), ("--tokens-file", tokensFile)], files: [("--output", output)]
        ).check()
        var ids: [Int32] = []
        if let tokens { ids = try TokenInput.list(tokens, option: "--tokens") }
        if let tokensFile { ids = try TokenInput.file(tokensFile, row: row) }
        let pool = common.makePool()
        let model = try TargetModel(folder: target, arithmetic: precision, pool: pool)
        try FeatureDump.write(ids, model: model, to: output, on: pool)
        if !common.quiet { StandardError.print("\(output): features of \(counted(ids.count, "token"))") }
    }
}
