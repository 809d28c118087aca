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
    private static let frame = (left: 56.0, right: 18.0, top: 10.0, bottom: 46.0)

    /// - Parameters:
    ///   - curves: more than there are colours are thinned out evenly, and the picture says so; points that are no
    ///     numbers, or infinite, are left out.
    ///   - axis: what the curves run over.
    /// - Returns: `nil` where there is no point to draw.
    package static func picture(_ title: String, _ curves: [Curve], axis: String = "step") -> Picture? {
        let drawn = curves.map { curve in
            Curve(name: curve.name, points: curve.points.filter { isDrawable($0.x) && isDrawable($0.y) })
        }.filter { !$0.points.isEmpty }
        let shown = chosen(drawn)
        let points = shown.flatMap(\.points)
        guard let firstX = points.map(\.x).min(), let lastX = points.map(\.x).max(),
            let low = points.map(\.y).min(), let high = points.map(\.y).max()
        else { return nil }
        let across = Axis(from: firstX, to: lastX, isTight: true, isWhole: true)
        let up = Axis(from: low, to: high)
        // Names that do not fit in one line go on in the next.
        let rest = shown.count < drawn.count ? "\(shown.count) of \(drawn.count) are shown" : nil
        let rows = legendRows(shown.map(\.name) + [rest].compactMap { $0 })
        let extra = Double(max(0, rows.count - 1)) * 14
        let inner = (width: size.width - frame.left - frame.right, height: size.height - frame.top - frame.bottom)
        func x(_ value: Double) -> Double {
            frame.left + (value - across.low) / max(across.high - across.low, .leastNormalMagnitude) * inner.width
        }
        func y(_ value: Double) -> Double { frame.top + (up.high - value) / (up.high - up.low) * inner.height }

        var picture = Picture(title: title, width: size.width, height: size.height + extra)
        for (tick, label) in zip(up.ticks, up.labels) {
            picture.line(from: (frame.left, y(tick)), to: (size.width - frame.right, y(tick)))
            picture.words(label, x: frame.left - 4, y: y(tick) + 4, .faint, anchor: .end)
        }
        let below = size.height - frame.bottom + 14
        picture.words(axis, x: frame.left - 16, y: below, .faint, anchor: .end)
        for (tick, label) in zip(across.ticks, across.labels) {
            picture.words(label, x: x(tick), y: below, .faint, anchor: .middle)
        }
        for (index, curve) in shown.enumerated() {
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
                let role: Picture.Role = index < shown.count ? .series(index) : .faint
                picture.words(name, x: left, y: size.height - 12 + Double(row) * 14, role)
                left += nameWidth(name)
                index += 1
            }
        }
        return picture
    }

    private static func isDrawable(_ value: Double) -> Bool { abs(value) <= Axis.greatest }

    /// As many curves as there are colours: the first, the last, and others evenly between them.
    private static func chosen(_ curves: [Curve]) -> [Curve] {
        let most = Picture.Role.seriesCount
        guard curves.count > most else { return curves }
        return (0..<most).map { curves[$0 * (curves.count - 1) / (most - 1)] }
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
