import FalconPictures
import FalconTensor
import Foundation

/// `report.html`: the run's curves in one file that needs no server, no network and no script.
enum TrainingReport {
    /// Curves that belong in one picture; a list's values become one curve each.
    private static let panels: [(title: String, names: [String])] = [
        ("Loss", ["loss", "validation_loss"]),
        ("Parts of the loss", ["feature_loss", "soft_loss", "hard_loss"]),
        ("Loss on glanced and clean positions", ["glanced_loss", "clean_loss"]),
        ("Glancing: lambda", ["lambda"]),
        ("Glancing: wrong and shown positions", ["hamming", "glanced"]),
        ("Top-1 accuracy by block offset", ["accuracy_top1", "validation_accuracy_top1"]),
        ("Top-3 accuracy by block offset", ["accuracy_top3", "validation_accuracy_top3"]),
        ("Estimated accept length", ["validation_accept_length"]),
        ("Learning rate", ["lr"]),
        ("Gradient norm", ["grad_norm"]),
        ("Tokens per second", ["tokens_per_second"]),
    ]

    /// Writes the report from a run's `metrics.jsonl`.
    static func write(_ path: String, metrics: String, recipe: String, title: String) throws {
        let records = MetricsLog.lines(path: metrics, upTo: .max).compactMap { line in
            try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        }
        var body = ""
        for panel in panels {
            let curves = panel.names.flatMap { TrainingReport.curves(of: $0, in: records) }
            guard let picture = CurvePlot.picture(panel.title, curves) else { continue }
            body += "<section><h3>\(panel.title)</h3>\(picture.inline)</section>\n"
        }
        let page = ReportPage.html(
            title: title,
            body: """
                <p>\(records.count) logged steps\(lastStep(records)).
                The estimated accept length counts draft tokens, not the free token of the target, and takes each pass
                to be as good as one that is fed true features.</p>
                <main class="grid">
                \(body)</main>
                <h2>Recipe</h2><pre>\(Markup.escaped(recipe))</pre>
                """)
        try AtomicFile.write(path, text: page)
    }

    private static func lastStep(_ records: [[String: Any]]) -> String {
        (records.last?["step"] as? Int).map { ", the last is step \($0)" } ?? ""
    }

    private static func curves(of name: String, in records: [[String: Any]]) -> [CurvePlot.Curve] {
        var curves: [String: [CurvePlot.Point]] = [:]
        for record in records {
            guard let step = record["step"] as? Int else { continue }
            if let list = record[name] as? [Any] {
                for (index, value) in list.enumerated() {
                    guard let number = value as? Double else { continue }
                    curves["\(name) \(index + 1)", default: []].append((Double(step), number))
                }
            } else if let number = record[name] as? Double {
                curves[name, default: []].append((Double(step), number))
            }
        }
        return curves.keys.sorted().map { CurvePlot.Curve(name: $0, points: curves[$0] ?? []) }
    }
}
