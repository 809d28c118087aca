import ArgumentParser
import FalconCommandSupport
import FalconInspection

struct InspectModel: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Shows a target model's configuration and weights; checks every tensor.",
        discussion: """
            Examples:
              falcon-inspect model --target models/llama
              falcon-inspect model --target models/smollm2.Q4_K_M.gguf
            """)

    @Option(help: "The target model's folder or .gguf file.")
    var target: String

    @Option(help: "Write the figures as JSON to this file; - for standard output.")
    var json: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        try RunFiles(inputs: [("--target", target)], files: [("--json", json)]).check()
        let model = try ModelInspection(folder: target)
        try Figures.write(model.lines, model, json: json)
        try ProblemsFound.check(model.findings, path: target)
    }
}
