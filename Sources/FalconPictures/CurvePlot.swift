/// Draws curves over one axis.
package enum CurvePlot {
    package typealias Point = (x: Double, y: Double)

    package struct Curve {
        package let name: String
        package let points: [Point]

        package init(name: String, points: [Point]) {
            (self.name, self.points) = (name, points)
        }
    }

    private static let size = (width: 480.0, height: 260.0)
    private static let frame = (left: 56.0, right: 10.0, top: 10.0, bottom: 46.0)

    /// - Parameter axis: what the curves run over.
    /// - Returns: `nil` where there is no point to draw.
    package static func picture(_ title: String, _ curves: [Curve], axis: String = "step") -> Picture? {
        let points = curves.flatMap(\.points)
        guard let firstX = points.map(\.x).min(), let lastX = points.map(\.x).max(),
            let low = points.map(\.y).min(), let high = points.map(\.y).max()
        else { return nil }
        // A flat curve lies in the middle.
        let margin = high > low ? (high - low) * 0.05 : max(abs(high) * 0.1, 0.1)
        let (bottom, top) = (low - margin, high + margin)
        // Names that do not fit in one line go on in the next.
        let rows = legendRows(curves.map(\.name))
        let extra = Double(max(0, rows.count - 1)) * 14
        let inner = (width: size.width - frame.left - frame.right, height: size.height - frame.top - frame.bottom)
        func x(_ value: Double) -> Double { frame.left + (value - firstX) / max(lastX - firstX, 1) * inner.width }
        func y(_ value: Double) -> Double { frame.top + (top - value) / (top - bottom) * inner.height }

        var picture = Picture(title: title, width: size.width, height: size.height + extra)
        for tick in 0...4 {
            let value = bottom + (top - bottom) * Double(tick) / 4
            picture.line(from: (frame.left, y(value)), to: (size.width - frame.right, y(value)))
            picture.words(Markup.axisLabel(value), x: frame.left - 4, y: y(value) + 4, .faint, anchor: .end)
        }
        let below = size.height - frame.bottom + 14
        picture.words("\(axis) \(Int(firstX))", x: frame.left, y: below, .faint)
        picture.words("\(Int(lastX))", x: size.width - frame.right, y: below, .faint, anchor: .end)
        for (index, curve) in curves.enumerated() {
            let points = thinned(curve.points).map { (x: x($0.x), y: y($0.y)) }
            if points.count == 1 {
                picture.circle(x: points[0].x, y: points[0].y, radius: 3, .series(index))
            } else {
                picture.polyline(points, .series(index))
            }
        }
        var index = 0
        for (row, names) in rows.enumerated() {
            var left = frame.left
            for name in names {
                picture.words(name, x: left, y: size.height - 12 + Double(row) * 14, .series(index))
                left += nameWidth(name)
                index += 1
            }
        }
        return picture
    }

    private static func legendRows(_ names: [String]) -> [[String]] {
        var rows: [[String]] = [[]]
        var left = frame.left
        for name in names {
            if left + nameWidth(name) > size.width, !rows[rows.count - 1].isEmpty {
                rows.append([])
                left = frame.left
            }
            rows[rows.count - 1].append(name)
            left += nameWidth(name)
        }
        return rows
    }

    private static func nameWidth(_ name: String) -> Double { Double(name.count) * 6.2 + 14 }

    /// At most 500 points, each the mean of its neighbours: more do not show, and single steps are noisy.
    private static func thinned(_ points: [Point]) -> [Point] {
        let group = (points.count + 499) / 500
        guard group > 1 else { return points }
        return stride(from: 0, to: points.count, by: group).map { start in
            let part = points[start..<min(start + group, points.count)]
            return (part.map(\.x).reduce(0, +) / Double(part.count), part.map(\.y).reduce(0, +) / Double(part.count))
        }
    }
}
