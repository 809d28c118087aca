import Foundation

/// The report as Markdown: for the terminal, and to put into documents.
package struct ComparisonTable {
    private let report: ComparisonReport

    package init(_ report: ComparisonReport) { self.report = report }

    /// One table of heads and trees over all questions, one for each further view.
    package var text: String {
        [summary, whole, byFile, byDepth, training].filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    /// What was asked and what the answers are, in a few words.
    var summary: String {
        let files = report.questions.map { "\($0.dialogues) of \($0.name)" }.joined(separator: ", ")
        let prompts = report.questions.reduce(0) { $0 + $1.prompts }
        let looping = report.questions.reduce(0) { $0 + $1.loopingPrompts }
        let kind =
            report.temperature == 0 ? "greedy answers" : "answers drawn at temperature \(report.temperature)"
        return "Dialogues: \(files); \(kind) of at most \(report.maxNewTokens) tokens, \(looping) of \(prompts) loop. "
            + "Accept lengths are draft tokens a pass; ± is the standard deviation over seeds."
            + (report.complete ? "" : " Not everything is measured yet.")
    }

    /// The rows over all files.
    var wholeRows: [ComparisonReport.Row] {
        let scope = report.questions.count > 1 ? "all" : report.questions.first?.name ?? ""
        return report.rows.filter { $0.questions == scope }
    }

    var wholeHead: [String] {
        let head = [
            "head", "tree", "seeds", "accept length", "not looping", "ms a draft pass", "of a target pass", "tokens/s",
            "speed-up", "mismatched tokens",
        ]
        return head + (report.base.map { ["over \($0)"] } ?? [])
    }

    /// The cells of one line under `wholeHead`.
    func wholeCells(_ row: ComparisonReport.Row) -> [String] {
        let seeds = report.heads.first { $0.name == row.head }?.members.count ?? 0
        let share = row.draftShareOfTargetPass.map { Self.number(100 * $0.mean, 0) + " %" } ?? ""
        let done = row.dialogues < row.ofDialogues ? " (\(row.dialogues) of \(row.ofDialogues) dialogues)" : ""
        return [
            row.head + done, row.tree, "\(seeds)", Self.cell(row.acceptLength), Self.cell(row.acceptLengthWithoutLoops),
            Self.cell(row.draftMillisecondsPerPass), share, Self.cell(row.tokensPerSecond, 1), Self.cell(row.speedup),
            row.mismatchedTokens.map { "\($0)" } ?? "",
        ] + (report.base == nil ? [] : [row.overBase.map { Self.number($0, 2) } ?? ""])
    }

    private var whole: String {
        Self.table(wholeHead, wholeRows.map(wholeCells))
    }

    private var byFile: String {
        guard report.questions.count > 1 else { return "" }
        let names = report.questions.map(\.name)
        let lines = wholeRows.map { row in
            [row.head, row.tree]
                + names.flatMap { name -> [String] in
                    let own = report.rows.first {
                        $0.head == row.head && $0.tree == row.tree && $0.questions == name
                    }
                    return [Self.cell(own?.acceptLengthWithoutLoops), Self.cell(own?.speedup)]
                }
        }
        return "Each question file, answers that do not loop, and the speed-up over all:\n\n"
            + Self.table(["head", "tree"] + names.flatMap { [$0, "speed-up"] }, lines)
    }

    private var byDepth: String {
        let depth = wholeRows.map(\.acceptanceByDepthWithoutLoops.count).max() ?? 0
        guard depth > 0 else { return "" }
        let lines = wholeRows.map { row in
            let shares = row.acceptanceByDepthWithoutLoops.map { Self.number($0.mean, 2) }
            return [row.head, row.tree] + shares + [String](repeating: "", count: depth - shares.count)
        }
        return "Of the passes that accepted d - 1 tokens, the share that accepted d, answers that do not loop:\n\n"
            + Self.table(["head", "tree"] + (1...depth).map { "\($0)" }, lines)
    }

    private var training: String {
        guard let equal = report.equalTraining else { return "" }
        return "Accept length on held-out dialogues at equal training:\n\n"
            + Self.table(
                ["head", "after \(equal.steps) steps", "after \(equal.tokens) tokens"],
                equal.heads.map { [$0.head, Self.cell($0.atSteps), Self.cell($0.atTokens)] })
    }

    /// Mean and spread; nothing where there is no figure.
    static func cell(_ figure: ComparisonReport.Figure?, _ digits: Int = 2) -> String {
        guard let figure else { return "" }
        return number(figure.mean, digits) + (figure.deviation.map { " ± " + number($0, digits) } ?? "")
    }

    static func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    private static func table(_ head: [String], _ lines: [[String]]) -> String {
        func line(_ cells: [String]) -> String {
            "| " + cells.map { $0.replacingOccurrences(of: "|", with: "\\|") }.joined(separator: " | ") + " |"
        }
        return ([line(head), "|" + String(repeating: "---|", count: head.count)] + lines.map(line))
            .joined(separator: "\n")
    }
}
