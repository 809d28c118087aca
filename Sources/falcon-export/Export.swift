import ArgumentParser
import FalconCommandSupport
import FalconJSON
import FalconTensor
import Foundation

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

            Of a run's folder the best checkpoint is taken, by the accept length on held-out dialogues, or else the
            newest. The exported files are checked first: they must hold the checkpoint's weights bit for bit (or
            rounded to --dtype), and replayed over a few of those dialogues they must give the accept length that
            the run logged for them: seconds. --full-check replays all of them, minutes on a large target.
            The output is written whole or not at all, with a model card (README.md).
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

    @Flag(
        help: ArgumentHelp(
            "Leave the target's embedding out, most of a small model's head.",
            discussion: "Falcon takes it from --target; other tools may need it."))
    var noEmbedding = false

    @Flag(help: "Do not replay the exported files over held-out dialogues of the run's features.")
    var noCheck = false

    @Flag(help: "Replay them over all held-out dialogues, not over a few, for the card's table by source.")
    var fullCheck = false

    @Option(
        name: .customLong("report"), parsing: .singleValue,
        help: ArgumentHelp(
            "What falcon-infer --json wrote about this head, for the card's table; may be given several times.",
            valueName: "file"))
    var reports: [String] = []

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard !(noCheck && fullCheck) else { throw ValidationError("Give --no-check or --full-check, not both.") }
        guard !(noEmbedding && format == .pytorch) else {
            throw ValidationError("--no-embedding leaves out what the authors' code reads; not with --format pytorch.")
        }
    }

    func run() throws {
        let interruption = Interruption(endsAtOnce: true)
        defer { withExtendedLifetime(interruption) {} }
        // A folder named with a slash at its end would be renamed into itself.
        let folder = output.count > 1 && output.hasSuffix("/") ? String(output.dropLast()) : output
        try RunFiles(inputs: [("--checkpoint", self.checkpoint)], folders: [("--output", folder)]).check()
        let checkpoint = try TrainedCheckpoint(path: checkpoint)
        try RunFiles(inputs: [("--checkpoint", checkpoint.folder)], folders: [("--output", folder)]).check()
        let export = DraftExport(
            checkpoint: checkpoint, type: dtype, hasTorchFile: format == .pytorch,
            hasEmbedding: !noEmbedding,
            reports: try reports.map { path in
                guard let report = try JSONValue(path: path).object, report["accept_length"] != nil else {
                    throw FileError(path, "is no report of falcon-infer --json")
                }
                return ((path as NSString).lastPathComponent, report)
            })
        try export.write(to: folder) { written in
            guard !noCheck else { return .skipped }
            do {
                var reporter: ProgressReporter?
                let check = ExportCheck(
                    checkpoint: checkpoint, type: dtype, isFull: fullCheck, pool: common.makePool()
                ) { done, total in
                    let current = reporter ?? ProgressReporter(total: total, unit: "dialogues", quiet: common.quiet)
                    reporter = current
                    current.update(done)
                }
                let outcome = try check.run(written)
                reporter?.finish()
                note(outcome.verdict(dtype))
                return .done(outcome)
            } catch let error as ExportCheck.Impossible {
                note("the accept length was not checked: \(error.reason)")
                return .impossible(reason: error.reason)
            }
        }
        note("\(folder): exported from \(checkpoint.summary)")
    }

    private func note(_ line: String) { if !common.quiet { StandardError.print(line) } }

    static func main() { launch() }
}
