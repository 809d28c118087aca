import FalconPictures
import FalconTensor
import FalconTokenizer
import Foundation

/// `--report`: a run's figures, pictures and a few of its texts in one HTML file.
package struct DecodingReportPage {
    private let report: DecodingReport
    private let pictures: DecodingPictures
    private let dialogues: [AnsweredDialogue]
    private let facts: RunFacts
    private let tokenizer: Tokenizer
    /// The run in a few lines of plain text, such as what `--tree auto` predicted; may be empty.
    private let notes: [String]

    package init(
        _ report: DecodingReport, pictures: DecodingPictures, dialogues: [AnsweredDialogue], facts: RunFacts,
        tokenizer: Tokenizer, notes: [String] = []
    ) {
        (self.report, self.pictures, self.dialogues) = (report, pictures, dialogues)
        (self.facts, self.tokenizer, self.notes) = (facts, tokenizer, notes)
    }

    /// - Throws: `FileError` where the file cannot be written.

    package var html: String {
        ReportPage.html(
            title: report.replay == nil ? "Decoding report" : "Replay report",
            body: [tiles, notesSection, figures, charts, categories, samples, run].joined(separator: "\n"),
            style: DecodingReportPage.style)
    }

    private var tiles: String {
        var tiles: [(String, String)] = []
        let statistics = report.all.statistics
        if report.isDrafted {
            tiles += [
                ("accept length", number(statistics.acceptLength)),
                ("acceptance rate", number(100 * statistics.acceptanceRate, 1) + " %"),
            ]
        }
        if let rate = report.all.tokensPerSecond { tiles.append(("tokens per second", number(rate, 0))) }
        if let speedup = report.all.speedup { tiles.append(("speed-up", number(speedup) + "×")) }
        if let mismatched = report.all.mismatchedTokens { tiles.append(("mismatched tokens", "\(mismatched)")) }
        if let replay = report.replay {
            tiles.append(("text is the target's own", number(100 * replay.textAgreement, 1) + " %"))
        }
        let words = tiles.map { "<div class=\"tile\"><b>\($1)</b><span>\($0)</span></div>" }.joined()
        let tree =
            report.isDrafted
            ? "tree <b>\(text(report.tree.name))</b>: \(counted(report.tree.nodes, "node")), "
                + "\(report.tree.depth) deep; "
            : ""
        return "<p>\(tree)\(counted(report.all.prompts, "prompt")), \(counted(statistics.generatedTokens, "token")), "
            + "\(counted(report.all.loopingPrompts, "answer loops", "answers loop")).</p>"
            + "<div class=\"tiles\">\(words)</div>"
    }

    private var notesSection: String {
        notes.isEmpty ? "" : "<h2>Choice of the tree</h2><pre>\(text(notes.joined(separator: "\n")))</pre>"
    }

    /// Every figure of the JSON report that is one number, with its formula.
    private var figures: String {
        let formulas = report.replay == nil ? AcceptStatistics.formulas : AcceptStatistics.replayFormulas
        let shares = [report.all, report.withoutLoops]
        var rows: [(String, [String])] = [
            ("prompts", shares.map { "\($0.prompts)" }),
            ("generated_tokens", shares.map { "\($0.statistics.generatedTokens)" }),
            ("target_passes", shares.map { "\($0.statistics.targetPasses)" }),
        ]
        if report.isDrafted {
            rows += [
                ("draft_passes", shares.map { "\($0.statistics.draftPasses)" }),
                ("accepted_draft_tokens", shares.map { "\($0.statistics.acceptedDraftTokens)" }),
                ("accept_length", shares.map { number($0.statistics.acceptLength, 3) }),
                ("tokens_per_pass", shares.map { number($0.statistics.tokensPerPass, 3) }),
                ("acceptance_rate", shares.map { number($0.statistics.acceptanceRate, 4) }),
            ]
        }
        if let replay = report.replay {
            rows += [
                ("text_agreement", [number(replay.textAgreement, 4), ""]),
                ("cut_passes", shares.map { "\($0.statistics.cutPasses)" }),
                ("accept_length_estimate", shares.map { number($0.statistics.acceptLengthEstimate, 3) }),
            ]
        }
        if report.all.tokensPerSecond != nil {
            rows.append(("tokens_per_second", shares.map { number($0.tokensPerSecond ?? 0, 1) }))
        }
        if report.all.speedup != nil { rows.append(("speedup", shares.map { number($0.speedup ?? 0, 3) })) }
        if report.all.mismatchedTokens != nil {
            rows.append(("mismatched_tokens", shares.map { "\($0.mismatchedTokens ?? 0)" }))
        }
        let lines = rows.map { name, values in
            row([name] + values + [formulas[name] ?? ""])
        }
        return "<h2>Figures</h2>"
            + table(["figure", "all answers", "without looping ones", "formula"], lines)
            + "<p class=\"faint\">Counted in token ids, pooled over all passes; nothing behind the end counts.</p>"
    }

    private var charts: String {
        let sections = pictures.all.map { name, picture in
            let wide = name == "tree" ? " class=\"wide\"" : ""
            return "<section\(wide)><h3>\(text(picture.title))</h3>\(picture.inline)</section>"
        }
        return "<h2>Pictures</h2><div class=\"grid\">\(sections.joined(separator: "\n"))</div>"
    }

    private var categories: String {
        guard !report.categories.isEmpty else { return "" }
        let depth = report.all.statistics.acceptanceByDepth.count
        var head = ["category", "prompts", "tokens", "looping"]
        if report.isDrafted { head += ["accept length", "without looping", "acceptance rate"] }
        if report.all.speedup != nil { head.append("speed-up") }
        head += (0..<depth).map { "depth \($0 + 1)" }
        let sorted = report.categories.sorted { $0.key < $1.key }
        let total = DecodingReport.Category(all: report.all, withoutLoops: report.withoutLoops)
        let lines = (sorted.map { ($0.key, $0.value) } + [("all", total)]).map { name, category in
            let (share, statistics) = (category.all, category.all.statistics)
            var cells = [name, "\(share.prompts)", "\(statistics.generatedTokens)", "\(share.loopingPrompts)"]
            if report.isDrafted {
                cells += [
                    number(statistics.acceptLength), number(category.withoutLoops.statistics.acceptLength),
                    number(100 * statistics.acceptanceRate, 1) + " %",
                ]
            }
            if report.all.speedup != nil { cells.append(number(share.speedup ?? 0)) }
            let shares = statistics.acceptanceByDepth
            cells += (0..<depth).map { $0 < shares.count ? number(shares[$0]) : "" }
            return row(cells)
        }
        return "<h2>Categories</h2><p class=\"faint\">A depth's column is the acceptance at that depth.</p>"
            + table(head, lines)
    }

    private var samples: String {
        let samples = SampleTexts.chosen(from: dialogues).map { SampleTexts.markup($0, tokenizer) }
        guard !samples.isEmpty else { return "" }
        return "<h2>Some answers</h2><p>\(SampleTexts.legend)</p>" + samples.joined(separator: "\n")
    }

    private var run: String {
        var lines = facts.parts.map { row([$0.role, $0.name, $0.fingerprint]) }
        lines.append(row(["machine", "\(facts.machine), \(MachineLimits.loops)", "\(facts.threads) threads"]))
        let formatter = ISO8601DateFormatter()
        lines.append(row(["date", formatter.string(from: facts.date), ""]))
        if let seconds = report.seconds { lines.append(row(["loading", "\(number(seconds.load)) s", ""])) }
        lines.append(row(["peak memory", "\(number(Double(report.peakMemoryBytes) / 1_000_000, 0)) MB", ""]))
        if let replay = report.replay {
            let rate = "\(number(replay.seconds)) s, \(number(replay.textTokensPerSecond, 0)) stored tokens per second"
            lines.append(row(["features", "\(replay.shards), \(replay.dtype)", rate]))
        }
        return "<h2>The run</h2><pre>\(text(facts.commandLine))</pre>" + table(["", "", "fingerprint"], lines)
    }

    private func table(_ head: [String], _ rows: [String]) -> String {
        let cells = head.map { "<th>\(text($0))</th>" }.joined()
        return "<div class=\"scroll\"><table><tr>\(cells)</tr>\n\(rows.joined(separator: "\n"))</table></div>"
    }

    private func row(_ cells: [String]) -> String {
        "<tr>" + cells.map { "<td>\(text($0))</td>" }.joined() + "</tr>"
    }

    private func text(_ text: String) -> String { Markup.escaped(text) }

    private func number(_ value: Double, _ digits: Int = 2) -> String { Markup.number(value, digits: digits) }

    private static let style =
        """
        .tiles{display:flex;flex-wrap:wrap;gap:.8rem}
        .tile{background:var(--panel);border-radius:.5rem;padding:.6rem 1rem;min-width:8rem}
        .tile b{display:block;font-size:1.5rem}.tile span{color:var(--faint)}
        .wide{grid-column:1/-1}

        """ + SampleTexts.style
}
