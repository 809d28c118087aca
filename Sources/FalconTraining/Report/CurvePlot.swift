import Foundation

/// Draws curves over the steps as one SVG picture.
enum CurvePlot {
    typealias Point = (x: Double, y: Double)

    struct Curve {
        let name: String
        let points: [Point]
    }

    private static let size = (width: 480.0, height: 260.0)
    private static let frame = (left: 56.0, right: 10.0, top: 10.0, bottom: 46.0)
    private static let colours = [
        "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f",
    ]

    static func svg(_ curves: [Curve]) -> String {
        let points = curves.flatMap(\.points)
        guard let firstX = points.map(\.x).min(), let lastX = points.map(\.x).max(),
            let low = points.map(\.y).min(), let high = points.map(\.y).max()
        else { return "" }
        // A flat curve lies in the middle.
        let margin = high > low ? (high - low) * 0.05 : max(abs(high) * 0.1, 0.1)
        let (bottom, top) = (low - margin, high + margin)
        let inner = (
            width: size.width - frame.left - frame.right, height: size.height - frame.top - frame.bottom
        )
        func x(_ value: Double) -> Double { frame.left + (value - firstX) / max(lastX - firstX, 1) * inner.width }
        func y(_ value: Double) -> Double { frame.top + (top - value) / (top - bottom) * inner.height }

        var svg = "<svg viewBox=\"0 0 \(Int(size.width)) \(Int(size.height))\" font-size=\"11\" fill=\"#444\">"
        for tick in 0...4 {
            let value = bottom + (top - bottom) * Double(tick) / 4
            let height = text(y(value))
            svg += "<line x1=\"\(text(frame.left))\" x2=\"\(text(size.width - frame.right))\" y1=\"\(height)\" "
            svg += "y2=\"\(height)\" stroke=\"#ddd\"/>"
            svg +=
                "<text x=\"\(text(frame.left - 4))\" y=\"\(text(y(value) + 4))\" text-anchor=\"end\">"
                + "\(label(value))</text>"
        }
        let axis = text(size.height - frame.bottom + 14)
        svg += "<text x=\"\(text(frame.left))\" y=\"\(axis)\">step \(Int(firstX))</text>"
        svg += "<text x=\"\(text(size.width - frame.right))\" y=\"\(axis)\" text-anchor=\"end\">\(Int(lastX))</text>"
        var legend = frame.left
        for (index, curve) in curves.enumerated() {
            let colour = colours[index % colours.count]
            let line = thinned(curve.points).map { "\(text(x($0.x))),\(text(y($0.y)))" }.joined(separator: " ")
            svg += "<polyline fill=\"none\" stroke=\"\(colour)\" stroke-width=\"1.4\" points=\"\(line)\"/>"
            svg += "<text x=\"\(text(legend))\" y=\"\(text(size.height - 12))\" fill=\"\(colour)\">"
            svg += TrainingReport.escaped(curve.name) + "</text>"
            legend += Double(curve.name.count) * 6.2 + 14
        }
        return svg + "</svg>"
    }

    /// At most 500 points, each the mean of its neighbours: more do not show, and single steps are noisy.
    private static func thinned(_ points: [Point]) -> [Point] {
        let group = (points.count + 499) / 500
        guard group > 1 else { return points }
        return stride(from: 0, to: points.count, by: group).map { start in
            let part = points[start..<min(start + group, points.count)]
            return (part.map(\.x).reduce(0, +) / Double(part.count), part.map(\.y).reduce(0, +) / Double(part.count))
        }
    }

    private static func text(_ value: Double) -> String { String(format: "%.1f", value) }

    private static func label(_ value: Double) -> String {
        let size = abs(value)
        if size >= 10_000 || (size > 0 && size < 0.001) { return String(format: "%.1e", value) }
        return String(format: size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : "%.3f", value)
    }
}
