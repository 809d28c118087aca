import FalconPictures
import FalconTensor
import Foundation

/// The charts of a decoding report.
package struct DecodingPictures: Sendable {
    /// In the order of the report; a name is that of the picture's file.
    package let all: [(name: String, picture: Picture)]

    /// - Parameter nodes: how often each node was accepted, where all passes drafted one static tree.
    package init(_ report: DecodingReport, nodes: NodeStatistics?) {
        var all: [(String, Picture)] = []
        let statistics = report.all.statistics
        if report.tree.nodes > 0 {
            let passes = Double(max(statistics.targetPasses, 1))
            let histogram = statistics.histogram.enumerated().map { accepted, count in
                BarChart.Bar("\(accepted)", Double(count), label: share(Double(count) / passes))
            }
            all.append(
                (
                    "accept-histogram",
                    BarChart.upright("Accepted draft tokens of a pass", histogram, axis: "accepted draft tokens")
                ))
            let depths = statistics.acceptanceByDepth.enumerated().map {
                BarChart.Bar("\($0 + 1)", $1, label: share($1))
            }
            all.append(
                ("acceptance-by-depth", BarChart.upright("Acceptance by depth", depths, axis: "depth", full: 1)))
        }
        all += DecodingPictures.categories(report)
        if let nodes { all.append(("tree", TreeMap.picture(nodes, passes: statistics.targetPasses))) }
        if let seconds = report.seconds {
            let parts = [
                ("prefill", seconds.prefill), ("draft", seconds.draft), ("verify", seconds.verify),
                ("commit", seconds.commit),
                // Clocks that are read apart may add up to a little more than the whole.
                (
                    "the rest",
                    max(0, seconds.total - seconds.prefill - seconds.draft - seconds.verify - seconds.commit)
                ),
            ]
            let bars = parts.map {
                BarChart.Bar($0.0, $0.1, label: "\(Markup.number($0.1, digits: 2)) s, \(share($0.1 / seconds.total))")
            }
            all.append(("time", BarChart.parts("Where the time went", bars)))
        }
        if let rate = report.all.tokensPerSecond, let plain = report.all.baselineTokensPerSecond {
            let bars = [
                BarChart.Bar("with draft head", rate, label: "\(Markup.number(rate)) tokens/s"),
                BarChart.Bar("plain decoding", plain, label: "\(Markup.number(plain)) tokens/s"),
            ]
            all.append(("speed", BarChart.lying("Speed against plain decoding", bars)))
        }
        self.all = all
    }

    private static func categories(_ report: DecodingReport) -> [(String, Picture)] {
        guard report.tree.nodes > 0, report.categories.count > 1 else { return [] }
        let sorted = report.categories.sorted { $0.key < $1.key }
        let lengths = sorted.map { name, category in
            let length = category.all.statistics.acceptLength
            return BarChart.Bar(name, length, label: Markup.number(length, digits: 2))
        }
        var pictures = [("accept-length-by-category", BarChart.lying("Accept length by category", lengths))]
        let curves = sorted.map { name, category in
            CurvePlot.Curve(
                name: name,
                points: category.all.statistics.acceptanceByDepth.enumerated().map { (Double($0 + 1), $1) })
        }
        if let picture = CurvePlot.picture("Acceptance by depth and category", curves, axis: "depth") {
            pictures.append(("acceptance-by-depth-and-category", picture))
        }
        return pictures
    }

    /// Writes each picture as `NAME.svg` into a folder, which is made where it is missing.
    ///
    /// - Throws: `FileError` where a file cannot be written.
    package func write(folder: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw FileError(folder, "cannot make this folder: \(error.localizedDescription)")
        }
        for (name, picture) in all {
            try AtomicFile.write((folder as NSString).appendingPathComponent(name + ".svg"), text: picture.file)
        }
    }
}

private func share(_ value: Double) -> String {
    value.isFinite ? Markup.number(100 * value, digits: value < 0.1 ? 1 : 0) + " %" : "–"
}
