import ArgumentParser
import FalconCommandSupport
import FalconDecoding
import FalconTensor
import FalconTokenizer

/// Where answers and figures go.
struct OutputOptions: ParsableArguments {
    @Option(help: "Write the answers to this file, in FastChat's layout; - prints them instead of text and table.")
    var answers: String?

    @Option(help: "Write the figures to this file as JSON; - prints them instead of text and table.")
    var json: String?

    @Option(
        help: """
            Write figures, charts and some answers to this file as HTML, which needs nothing from elsewhere; - prints \
            it instead of text and table.
            """)
    var report: String?

    @Option(help: "Write the report's charts into this folder, an .svg file each.")
    var reportPictures: String?

    /// Looks at the outputs, which may be missed only after hours of decoding otherwise.
    ///
    /// - Parameter inputs: what the run reads, by option.
    /// - Throws: `FileError` for a file that cannot be written or would overwrite another of the run.
    func check(inputs: [(option: String, path: String?)]) throws {
        try RunFiles(
            inputs: inputs, files: [("--answers", answers), ("--json", json), ("--report", report)],
            folders: [("--report-pictures", reportPictures)]
        ).check()
        if showsText { try RunFiles.requireStandardOutput() }
    }

    /// Whether text and table go to standard output: nothing that a program reads does.
    var showsText: Bool { ![answers, json, report].compactMap(\.self).contains(where: RunFiles.isStandardOutput) }

    /// Whether something goes to a file or a folder.
    var writesFiles: Bool {
        reportPictures != nil
            || [answers, json, report].compactMap(\.self).contains { !RunFiles.isStandardOutput($0) }
    }

    /// Writes what was asked for: everything that can be written, also where something cannot.
    ///
    /// - Parameters:
    ///   - tree: the static tree that all passes drafted, for the picture of its nodes; `nil` where there was none.
    ///   - isPretty: whether JSON takes many lines.
    ///   - notes: lines of text for the report, to stand above what a planner has to say.
    ///   - facts: what the run was; called where a report is written.
    /// - Throws: the first problem, after the last attempt.
    func write(
        _ report: DecodingReport, _ dialogues: [AnsweredDialogue], model: String, tree: TokenTree?,
        tokenizer: Tokenizer, isPretty: Bool = true, notes: [String] = [], facts: () -> RunFacts
    ) throws {
        var problems: [any Error] = []
        func attempt(_ work: () throws -> Void) {
            do { try work() } catch { problems.append(error) }
        }
        if let answers {
            attempt {
                let text = try AnswerFile.text(dialogues, model: model)
                guard RunFiles.isStandardOutput(answers) else { return try AtomicFile.write(answers, text: text) }
                try StandardOutput.write(StandardOutput.isTerminal ? VisibleText.shownJSON(text) : text)
            }
        }
        if let json { attempt { try JSONOutput.write(report, to: json, isPretty: isPretty) } }
        if self.report != nil || reportPictures != nil {
            let passes = dialogues.lazy.flatMap(\.turns).flatMap(\.decoded.passes)
            let pictures = DecodingPictures(report, nodes: tree.map { NodeStatistics(tree: $0, passes: passes) })
            // The folder first: the report may be meant to lie in it.
            if let reportPictures { attempt { try pictures.write(folder: reportPictures) } }
            if let path = self.report {
                attempt {
                    let page = DecodingReportPage(
                        report, pictures: pictures, dialogues: dialogues, facts: facts(), tokenizer: tokenizer,
                        notes: notes + report.planNotes)
                    guard RunFiles.isStandardOutput(path) else { return try AtomicFile.write(path, text: page.html) }
                    try StandardOutput.print(page.html)
                }
            }
        }
        if let first = problems.first { throw first }
    }
}
