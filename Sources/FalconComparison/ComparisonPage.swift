import FalconPictures
import FalconTensor
import Foundation

/// The report as one HTML page with tables and curves; it needs no server, no network and no script.
package struct ComparisonPage {
    private let report: ComparisonReport
    private let table: ComparisonTable

    package init(_ report: ComparisonReport) {
        self.report = report
        table = ComparisonTable(report)
    }

    package var html: String {
        ReportPage.html(
            title: "Draft heads compared",
            body: [
                "<p>Target <code>\(escaped(report.target))</code>. \(escaped(table.summary))</p>", whole, bars, byFile,
                depths, training, files, formulas,
            ].joined(separator: "\n"),
            style: """
                td.number,th.number{text-align:right}td.number{white-space:nowrap}
                .bad{color:#d9534f;font-weight:600}
                """)
    }

    private var whole: String {
        let rows = table.wholeRows
        let best = rows.compactMap { $0.speedup?.mean }.max()
        let lines = rows.map { row in
            let cells = table.wholeCells(row).enumerated().map { index, text in
                var text = escaped(text)
                if index == 9, row.mismatchedTokens ?? 0 > 0 { text = "<span class=\"bad\">\(text)</span>" }
                if index == 8, let best, row.speedup?.mean == best { text = "<strong>\(text)</strong>" }
                return text
            }
            return cells
        }
        return "<h2>Heads and trees</h2>" + markup(table.wholeHead, lines, numbersFrom: 2)
    }

    /// Heads side by side, one picture a tree.
    private var bars: String {
        let pictures = report.trees.flatMap { tree -> [Picture] in
            let rows = table.wholeRows.filter { $0.tree == tree }
            func bars(_ title: String, _ figure: (ComparisonReport.Row) -> ComparisonReport.Figure?) -> Picture? {
                let bars = rows.compactMap { row in
                    figure(row).map { BarChart.Bar(row.head, $0.mean, label: ComparisonTable.cell($0)) }
                }
                return bars.isEmpty ? nil : BarChart.lying("\(title), \(tree)", bars)
            }
            return [
                bars("Accept length, answers that do not loop", \.acceptLengthWithoutLoops),
                bars("Speed-up over plain decoding", \.speedup),
            ].compactMap(\.self)
        }
        return grid(pictures)
    }

    private var byFile: String {
        guard report.questions.count > 1 else { return "" }
        let names = report.questions.map(\.name)
        let lines = table.wholeRows.map { row in
            [escaped(row.head), escaped(row.tree)]
                + names.flatMap { name -> [String] in
                    let own = report.rows.first { $0.head == row.head && $0.tree == row.tree && $0.questions == name }
                    return [own?.acceptLengthWithoutLoops, own?.tokensPerSecond, own?.speedup].map {
                        ComparisonTable.cell($0)
                    }
                }
        }
        let head = ["head", "tree"] + names.flatMap { [$0, "tokens/s", "speed-up"] }
        return "<h2>By question file</h2><p class=\"faint\">Accept lengths of answers that do not loop.</p>"
            + markup(head, lines, numbersFrom: 2)
    }

    private var depths: String {
        let pictures = report.trees.flatMap { tree in
            CurveSheets.pictures(
                "Acceptance by depth, \(tree)",
                table.wholeRows.filter { $0.tree == tree }.map { row in
                    CurvePlot.Curve(
                        name: row.head,
                        points: row.acceptanceByDepthWithoutLoops.enumerated().map { (Double($0 + 1), $1.mean) })
                }, axis: "depth")
        }
        guard !pictures.isEmpty else { return "" }
        return
            "<h2>Acceptance by depth</h2><p class=\"faint\">Of the passes that accepted d - 1 tokens, the share that "
            + "accepted d; answers that do not loop.</p>" + grid(pictures)
    }

    private var training: String {
        guard !report.curves.isEmpty else { return "" }
        let panels: [(String, (TrainingCurve.Point) -> Double?)] = [
            ("Accept length on held-out dialogues", { $0.heldOutAcceptLength }),
            ("The same as decoded by the target", { $0.decodedAcceptLength }),
            ("Validation loss", { $0.validationLoss }), ("Loss", { $0.loss }),
        ]
        let pictures = panels.flatMap { title, value in
            CurveSheets.pictures(title + ", by steps", curves({ Double($0.step) }, value), axis: "step")
                + CurveSheets.pictures(title + ", by tokens", curves({ Double($0.tokens) }, value), axis: "tokens")
        }
        var equal = ""
        if let training = report.equalTraining {
            equal = markup(
                ["head", "after \(training.steps) steps", "after \(training.tokens) tokens"],
                training.heads.map {
                    [escaped($0.head), ComparisonTable.cell($0.atSteps), ComparisonTable.cell($0.atTokens)]
                }, numbersFrom: 1)
        }
        return
            "<h2>Training</h2><p class=\"faint\">From the runs' own logs, means over seeds; accept lengths on held-out "
            + "dialogues by replay, or teacher-forced where a run replayed none.</p>" + equal + grid(pictures)
    }

    /// One curve a head: at the points that all of its seeds have, their mean.
    private func curves(
        _ x: (TrainingCurve.Point) -> Double, _ y: (TrainingCurve.Point) -> Double?
    ) -> [CurvePlot.Curve] {
        report.heads.compactMap { head in
            let seeds = report.curves.filter { $0.head == head.name }.map { curve in
                curve.points.compactMap { point in y(point).map { (step: point.step, x: x(point), y: $0) } }
            }.filter { !$0.isEmpty }
            guard let first = seeds.first else { return nil }
            let points = first.compactMap { point -> CurvePlot.Point? in
                let same = seeds.compactMap { seed in seed.first { $0.step == point.step } }
                guard same.count == seeds.count else { return nil }
                let count = Double(same.count)
                return (same.map(\.x).reduce(0, +) / count, same.map(\.y).reduce(0, +) / count)
            }
            return points.isEmpty ? nil : CurvePlot.Curve(name: head.name, points: points)
        }
    }

    private var files: String {
        let lines = report.heads.flatMap { head in
            head.members.map { member in
                [
                    escaped(head.name), escaped(head.note), "\(head.blockSize)",
                    "<code>\(escaped(member.folder))</code>", member.step.map { "\($0)" } ?? "",
                ]
            }
        }
        let questions = report.questions.map { set in
            [
                escaped(set.name), "<code>\(escaped(set.path))</code>", "\(set.prompts)", "\(set.loopingPrompts)",
                set.tokensPerSecond.map { ComparisonTable.number($0, 1) } ?? "",
            ]
        }
        return "<h2>Heads</h2>" + markup(["head", "what it is", "k", "folder", "step"], lines)
            + "<h2>Questions</h2>"
            + markup(["file", "path", "prompts", "looping", "plain tokens/s"], questions, numbersFrom: 2)
    }

    private var formulas: String {
        "<h2>Formulas</h2>"
            + markup(
                ["figure", "formula"],
                report.formulas.sorted { $0.key < $1.key }.map {
                    ["<code>\(escaped($0.key))</code>", escaped($0.value)]
                })
    }

    private func grid(_ pictures: [Picture]) -> String {
        let sections = pictures.map { "<section><h3>\(escaped($0.title))</h3>\($0.inline)</section>" }
        return "<div class=\"grid\">\(sections.joined(separator: "\n"))</div>"
    }

    /// - Parameter lines: cells of markup.
    private func markup(_ head: [String], _ lines: [[String]], numbersFrom first: Int = .max) -> String {
        func line(_ cells: [String], _ name: String) -> String {
            let cells = cells.enumerated().map { index, cell in
                "<\(name)\(index >= first ? " class=\"number\"" : "")>\(cell)</\(name)>"
            }
            return "<tr>\(cells.joined())</tr>"
        }
        return "<div class=\"scroll\"><table>" + line(head.map(escaped), "th")
            + lines.map { line($0, "td") }.joined(separator: "\n") + "</table></div>"
    }

    private func escaped(_ text: String) -> String { Markup.escaped(text) }
}

/// More curves than there are colours, on several pictures.
enum CurveSheets {
    static func pictures(_ title: String, _ curves: [CurvePlot.Curve], axis: String) -> [Picture] {
        let most = Picture.Role.seriesCount
        let drawn = curves.filter { !$0.points.isEmpty }
        let sheets = (drawn.count + most - 1) / most
        return (0..<sheets).compactMap { sheet in
            let own = Array(drawn[(sheet * most)..<min((sheet + 1) * most, drawn.count)])
            let number = sheets > 1 ? " (\(sheet + 1) of \(sheets))" : ""
            return CurvePlot.picture(title + number, own, axis: axis)
        }
    }
}
