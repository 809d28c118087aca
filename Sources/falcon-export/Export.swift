import ArgumentParser
import FalconCommandSupport
import FalconTensor

extension ElementType: ExpressibleByArgument {}

/// The files that an export may consist of.
enum ExportFormat: String, CaseIterable, ExpressibleByArgument {
    case safetensors
    /// `pytorch_model.bin` beside `model.safetensors`.
    case pytorch
}

@main
struct Export: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "falcon-export",
        abstract: "Turns a training checkpoint into a draft head's folder in the authors' layout.",
        discussion: """
            EXAMPLE
              falcon-export --checkpoint Checkpoints/llama-draft --output drafts/llama --dtype bfloat16

            Of a run's folder the newest checkpoint is taken. The output is written whole or not at all.
            """,
        version: falconVersion)

    @Option(help: "A checkpoint's folder, or the run's.")
    var checkpoint: String

    @Option(help: "The folder to write.")
    var output: String

    @Option(help: "safetensors, or pytorch to write pytorch_model.bin beside it.")
    var format: ExportFormat = .safetensors

    @Option(help: "How the weights are stored: float32, bfloat16 or float16.")
    var dtype: ElementType = .float32

    @OptionGroup var common: CommonOptions

    func run() throws {
        // A folder named with a slash at its end would be renamed into itself.
        let folder = output.count > 1 && output.hasSuffix("/") ? String(output.dropLast()) : output
        let export = try DraftExport(path: checkpoint, type: dtype, hasTorchFile: format == .pytorch)
        try export.write(to: folder)
        if !common.quiet { StandardError.print("\(folder): exported from \(export.checkpoint)") }
    }

    static func main() { launch() }
}
