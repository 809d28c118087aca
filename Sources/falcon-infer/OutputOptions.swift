import ArgumentParser
import FalconCommandSupport
import FalconDecoding
import FalconTensor
import FalconTokenizer
import Foundation

/// Where answers and figures go.
struct OutputOptions: ParsableArguments {
    @Option(help: "Write the answers to this file, in FastChat's layout.")
    var answers: String?

    @Option(help: "Write the figures to this file as JSON; - prints them instead of text and table.")
    var json: String?

    @Option(help: "Write figures, charts and some answers to this file as HTML; it needs nothing from elsewhere.")
    var report: String?

    @Option(help: "Write the report's charts into this folder, an .svg file each.")
    var reportPictures: String?

    /// Looks for the files' folders, which may be missed only after hours of decoding otherwise.
    ///
    /// - Throws: `FileError` for a file that cannot be written.
    func check() throws {
        for path in [answers, json, report].compactMap(\.self) where path != "-" {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
            guard FileManager.default.isWritableFile(atPath: folder) else {
                throw FileError(path, "cannot be written, there is no folder \(folder) to write into; make it first")
            }
        }
    }

    /// Writes what was asked for.
    ///
    /// - Parameters:
    ///   - tree: the static tree that all passes drafted, for the picture of its nodes; `nil` where there was none.
    ///   - notes: lines of text for the report, to stand above what a planner has to say.
    ///   - facts: what the run was; called where a report is written.
    func write(
        _ report: DecodingReport, _ dialogues: [AnsweredDialogue], model: String, tree: TokenTree?,
        tokenizer: Tokenizer, notes: [String] = [], facts: () -> RunFacts
    ) throws {
        if let answers { try AnswerFile.write(dialogues, model: model, to: answers) }
        if let json { try JSONOutput.write(report, to: json) }
        guard self.report != nil || reportPictures != nil else { return }
        let passes = dialogues.lazy.flatMap(\.turns).flatMap(\.decoded.passes)
        let pictures = DecodingPictures(report, nodes: tree.map { NodeStatistics(tree: $0, passes: passes) })
        if let reportPictures { try pictures.write(folder: reportPictures) }
        if let path = self.report {
            try DecodingReportPage(
                report, pictures: pictures, dialogues: dialogues, facts: facts(), tokenizer: tokenizer,
                notes: notes + report.planNotes
            ).write(path)
        }
    }
}
