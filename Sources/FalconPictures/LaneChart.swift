/// Draws what happens beside each other over time: lanes, one below the other, with bars from a start to an end.
package enum LaneChart {
    package struct Bar: Sendable {
        /// Its place among the kinds, which gives it its colour.
        package let kind: Int
        /// Which one of its kind; shown where the mouse rests.
        package let label: String
        package let start, end: Double

        package init(kind: Int, label: String, start: Double, end: Double) {
            (self.kind, self.label, self.start, self.end) = (kind, label, start, end)
        }
    }

    package struct Lane: Sendable {
        package let name: String
        package let bars: [Bar]

        package init(name: String, bars: [Bar]) { (self.name, self.bars) = (name, bars) }
    }

    private static let width = 960.0
    private static let (left, right, row) = (74.0, 14.0, 22.0)

    /// - Parameters:
    ///   - lanes: bars whose ends are no numbers, or lie before their starts, are left out.
    ///   - kinds: what the colours stand for; those without a bar are not named.
    ///   - axis: what time is counted in.
    /// - Returns: `nil` where there is no bar to draw.
    package static func picture(_ title: String, _ lanes: [Lane], kinds: [String], axis: String) -> Picture? {
        let drawn = lanes.map { lane in
            Lane(
                name: lane.name,
                bars: lane.bars.filter {
                    abs($0.start) <= Axis.greatest && $0.end >= $0.start && $0.end <= Axis.greatest
                })
        }
        let bars = drawn.flatMap(\.bars)
        guard let last = bars.map(\.end).max() else { return nil }
        let across = Axis(from: min(0, bars.map(\.start).min() ?? 0), to: last, isTight: true, count: 10)
        let (floor, room) = (8 + row * Double(drawn.count), width - left - right)
        func x(_ value: Double) -> Double {
            left + (value - across.low) / max(across.high - across.low, .leastNormalMagnitude) * room
        }

        var picture = Picture(title: title, width: width, height: floor + 40)
        for (tick, label) in zip(across.ticks, across.labels) {
            picture.line(from: (x(tick), 6), to: (x(tick), floor))
            picture.words(label, x: x(tick), y: floor + 14, .faint, anchor: .middle)
        }
        picture.words(axis, x: width - right, y: floor + 32, .faint, anchor: .end)
        for (index, lane) in drawn.enumerated() {
            let y = 8 + row * Double(index)
            picture.words(lane.name, x: left - 8, y: y + 13, anchor: .end)
            for bar in lane.bars {
                let name = kinds.indices.contains(bar.kind) ? kinds[bar.kind] : ""
                let ends = "\(Markup.number(bar.start)) to \(Markup.number(bar.end))"
                // A thin one beside it shows that there are two.
                picture.rectangle(
                    x: x(bar.start), y: y + 1, width: max(x(bar.end) - x(bar.start) - 0.6, 0.4), height: row - 5,
                    .series(bar.kind), tip: "\(name)\(bar.label.isEmpty ? "" : ", ")\(bar.label): \(ends)")
            }
        }
        var place = left
        for (kind, name) in kinds.enumerated() where bars.contains(where: { $0.kind == kind }) {
            picture.rectangle(x: place, y: floor + 23, width: 10, height: 10, .series(kind))
            picture.words(name, x: place + 14, y: floor + 32)
            place += 30 + 6.4 * Double(name.count)
        }
        return picture
    }
}
