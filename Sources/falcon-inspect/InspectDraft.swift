import ArgumentParser
import FalconCommandSupport
import FalconDraft
import FalconInspection

extension FusionKind: ExpressibleByArgument {}

struct InspectDraft: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "draft",
        abstract: "Shows a draft head, finds what is wrong with it, or runs it over a file.",
        discussion: """
            Examples:
              falcon-inspect draft --draft drafts/llama --target models/llama
              falcon-inspect draft --draft drafts/llama --input features.safetensors --output drafted.safetensors

            The input holds hidden_states [batch, time, hidden], input_ids [batch, time] (already one step ahead) and,
            if there is padding on the right, attention_mask [batch, time]; the output draft_hidden, like the first.
            """)

    @Option(help: "The draft head's folder.")
    var draft: String

    @Option(help: "The target's folder: compared with the head, and lends its embedding where the head has none.")
    var target: String?

    @Option(help: "gated, lstm or linear, in place of what the head's configuration says.")
    var fusion: FusionKind?

    @Option(help: "The k that the head is expected to have.")
    var blockSize: Int?

    @Option(help: "Run the head over the tensors of this safetensors file.")
    var input: String?

    @Option(help: "The safetensors file to write the result to.")
    var output: String?

    @Option(help: "Write the figures as JSON to this file; - for standard output.")
    var json: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (input == nil) == (output == nil) else { throw ValidationError("--input and --output belong together.") }
        if input != nil {
            try OptionEffect.refuse(
                [("--json", json != nil), ("--block-size", blockSize != nil)],
                because: "is for showing a head; leave out --input and --output.")
        }
    }

    func run() throws {
        let interruption = Interruption(endsAtOnce: true)
        defer { withExtendedLifetime(interruption) {} }
        try RunFiles(
            inputs: [("--draft", draft), ("--target", target), ("--input", input)],
            files: [("--output", output), ("--json", json)]
        ).check()
        if let input, let output {
            try DraftRun.run(
                folder: draft, fusion: fusion, target: target, input: input, output: output, on: common.makePool())
            if !common.quiet { StandardError.print("\(output): written") }
            return
        }
        let inspection = try DraftInspection(folder: draft, fusion: fusion, blockSize: blockSize, target: target)
        try Figures.write(inspection.lines, inspection, json: json)
        try ProblemsFound.check(inspection.findings, path: draft)
    }
}
