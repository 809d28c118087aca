import FalconPictures
import FalconTensor
import Foundation

/// `report.html`: the run's figures and curves in one file that needs no server, no network and no script.
struct TrainingReport {
    private typealias Record = [String: Any]

    private let records: [Record]
    private let recipe: String
    private let title: String
    private let warnings: [String]
    private let timelines: [StepTimeline]

    /// Curves that belong in one picture; a list's values become one curve each, numbered from 1.
    private static let panels: [(title: String, names: [String])] = [
        ("Loss", ["loss", "validation_loss"]),
        ("Parts of the loss", ["feature_loss", "soft_loss", "hard_loss"]),
        ("Loss on glanced and clean positions", ["glanced_loss", "clean_loss"]),
        ("Accept length on held-out dialogues", ["accept_length_tree", "accept_length_chain"]),
        (
            "The same, with passes that left the text estimated",
            ["accept_length_tree_estimate", "accept_length_chain_estimate"]
        ),
        ("Accept length as the target decodes", ["decoded_accept_length"]),
        ("Teacher-forced estimate of the accept length", ["validation_accept_length"]),
        ("Top-1 accuracy by block offset", ["accuracy_top1"]),
        ("Top-1 accuracy by block offset, held out", ["validation_accuracy_top1"]),
        ("Top-3 accuracy by block offset", ["accuracy_top3"]),
        ("Top-3 accuracy by block offset, held out", ["validation_accuracy_top3"]),
        ("Glancing: lambda", ["lambda"]),
        ("Glancing: wrong and shown positions", ["hamming", "glanced"]),
        ("Learning rate", ["lr"]),
        ("Gradient norm", ["grad_norm"]),
        ("Tokens per second", ["tokens_per_second"]),
    ]

    /// Reads a run's `metrics.jsonl`.
    ///
    /// - Parameters:
    ///   - warnings: what the run hardly learns by, a line each.
    ///   - timelines: the run's `timeline.jsonl`, where it has one.
    init(metrics: String, recipe: String, title: String, warnings: [String] = [], timelines: String? = nil) {
        self.warnings = warnings
        self.timelines = (timelines.map { MetricsLog.lines(path: $0, upTo: .max) } ?? []).compactMap {
            StepTimeline(json: $0)
        }
        records = MetricsLog.lines(path: metrics, upTo: .max).compactMap { line in
            try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? Record
        }
        (self.recipe, self.title) = (recipe, title)
    }

    /// - Throws: `FileError` where the file cannot be written.
    func write(_ path: String) throws { try AtomicFile.write(path, text: html) }

    private var html: String {
        let pictures = TrainingReport.panels.compactMap { panel in
            CurvePlot.picture(panel.title, panel.names.flatMap(curves))
        }
        let sections = (pictures + [byDepth].compactMap { $0 }).map { picture in
            "<section><h3>\(Markup.escaped(picture.title))</h3>\(picture.inline)</section>"
        }
        return ReportPage.html(
            title: title,
            body: """
                \(warnings.map { "<p><strong>Warning:</strong> \(Markup.escaped($0))</p>" }.joined(separator: "\n"))
                <p>\(records.count) logged \(records.count == 1 ? "step" : "steps").\(explanation)</p>
                \(figures)
                <main class="grid">
                \(sections.joined(separator: "\n"))
                </main>
                \(steps)
                <h2>Recipe</h2><pre>\(Markup.escaped(recipe))</pre>
                """)
    }

    /// The last of the steps whose parts were timed.
    private var steps: String {
        let pictures = timelines.suffix(4).compactMap(\.picture)
        guard !pictures.isEmpty else { return "" }
        return """
            <h2>Steps over time</h2>
            <p>What each rank computes, and below it what the network does meanwhile: a reduce-scatter beside a \
            backward pass costs nothing. Each rank's time counts from when it began the step.</p>
            """
                + pictures.map {
                    "<section><h3>\(Markup.escaped($0.title))</h3>\($0.inline)</section>"
                }.joined(separator: "\n")
    }

    private var explanation: String {
        guard records.contains(where: { $0["validation_accept_length"] != nil }) else { return "" }
        return """
             Accept lengths count draft tokens, not the free token of the target. On held-out dialogues they come from \
            replaying the decoding; the teacher-forced estimate takes each pass to be as good as one that is fed true \
            features.
            """
    }

    /// The newest and the best figures in a table.
    private var figures: String {
        let evaluations = records.filter { $0["validation_loss"] != nil }
        let length = "accept_length_tree"
        let best = evaluations.filter { $0[length] is Double }.max { number(length, $0) < number(length, $1) }
        let columns = [("last step", records.last), ("last evaluation", evaluations.last), ("best", best)]
            .compactMap { name, record in record.map { (name, $0) } }
        guard !columns.isEmpty else { return "" }
        let rows = [
            ("step", "step"), ("epoch", "epoch"), ("loss", "loss"), ("validation loss", "validation_loss"),
            ("accept length, tree", length), ("accept length, chain", "accept_length_chain"),
            ("share of the text that is the target's own", "text_agreement"),
        ].filter { _, key in columns.contains { $0.1[key] is Double } }
        let head = columns.map { "<th>\($0.0)</th>" }.joined()
        let body = rows.map { name, key in
            let cells = columns.map { _, record in "<td>\(cell(record[key]))</td>" }.joined()
            return "<tr><td>\(name)</td>\(cells)</tr>"
        }
        let tokens = records.reduce(0) { $0 + number("tokens", $1, absent: 0) }
        let total = tokens > 0 ? "<p>\(Int(tokens)) tokens in the logged steps.</p>" : ""
        return "<div class=\"scroll\"><table><tr><th></th>\(head)</tr>\(body.joined())</table></div>\(total)"
    }

    private func number(_ name: String, _ record: Record, absent: Double = -.infinity) -> Double {
        record[name] as? Double ?? absent
    }

    private func cell(_ value: Any?) -> String {
        guard let number = value as? Double else { return "" }
        return number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : Markup.number(number, digits: 3)
    }

    /// Of the passes that accepted d - 1 tokens, how many accepted d: at the first evaluation and at the last.
    private var byDepth: Picture? {
        let names = [("acceptance_by_depth", "tree"), ("acceptance_by_depth_chain", "chain")]
        let evaluations = records.filter { $0["acceptance_by_depth"] != nil }
        let ends = evaluations.count > 1 ? [evaluations.first, evaluations.last] : [evaluations.last]
        let curves = ends.compactMap { $0 }.flatMap { record in
            names.compactMap { name, shape -> CurvePlot.Curve? in
                guard let shares = record[name] as? [Any], !shares.isEmpty else { return nil }
                let points = shares.enumerated().compactMap { depth, share in
                    (share as? Double).map { CurvePlot.Point(x: Double(depth + 1), y: $0) }
                }
                return CurvePlot.Curve(name: "\(shape), step \(cell(record["step"]))", points: points)
            }
        }
        return CurvePlot.picture("Acceptance by depth", curves, axis: "depth")
    }

    private func curves(of name: String) -> [CurvePlot.Curve] {
        // By the place in a list; -1 for what is no list.
        var curves: [Int: [CurvePlot.Point]] = [:]
        for record in records {
            guard let step = record["step"] as? Double else { continue }
            if let list = record[name] as? [Any] {
                for (index, value) in list.enumerated() {
                    guard let number = value as? Double else { continue }
                    curves[index, default: []].append((step, number))
                }
            } else if let number = record[name] as? Double {
                curves[-1, default: []].append((step, number))
            }
        }
        return curves.sorted { $0.key < $1.key }.map { index, points in
            CurvePlot.Curve(name: index < 0 ? name : "\(name) \(index + 1)", points: points)
        }
    }
}
