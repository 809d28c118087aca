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
            if !curves.isEmpty { body += "<section><h2>\(panel.title)</h2>\(CurvePlot.svg(curves))</section>\n" }
        }
        let page = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>\(escaped(title))</title>
            <style>
            body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}
            main{display:grid;grid-template-columns:repeat(auto-fill,minmax(24rem,1fr));gap:1rem}
            h2{font-size:1rem;margin:.5rem 0}svg{width:100%;height:auto}
            pre{background:#f5f5f5;padding:1rem;overflow:auto}
            </style></head><body>
            <h1>\(escaped(title))</h1>
            <p>\(records.count) logged steps\(lastStep(records)).
            The estimated accept length counts draft tokens, not the free token of the target, and takes each pass to
            be as good as one that is fed true features.</p>
            <main>
            \(body)</main>
            <h2>Recipe</h2><pre>\(escaped(recipe))</pre>
            </body></html>

            """
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

    static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;")
    }
}
