/// Draws counts and shares as bars.
package enum BarChart {
    package struct Bar: Sendable {
        package let name: String
        package let value: Double
        /// What stands at the bar's end.
        package let label: String

        package init(_ name: String, _ value: Double, label: String) {
            (self.name, self.value, self.label) = (name, value.isFinite ? max(0, value) : 0, label)
        }
    }

    /// Upright bars, side by side.
    ///
    /// - Parameters:
    ///   - axis: what the bars' names are.
    ///   - full: the value of a bar as high as the picture; `nil` takes the largest.
    package static func upright(_ title: String, _ bars: [Bar], axis: String, full: Double? = nil) -> Picture {
        let (left, right, top, bottom) = (14.0, 14.0, 22.0, 40.0)
        var picture = Picture(title: title, width: 480, height: 260)
        let inner = (width: picture.width - left - right, height: picture.height - top - bottom)
        let most = max(full ?? bars.map(\.value).max() ?? 0, .leastNormalMagnitude)
        let step = inner.width / Double(max(bars.count, 1))
        let floor = picture.height - bottom
        picture.line(from: (left, floor), to: (picture.width - right, floor))
        // Where bars stand close, not every one has room for its words.
        let each = max(1, Int((30 / max(step, 1)).rounded(.up)))
        for (index, bar) in bars.enumerated() {
            let height = inner.height * min(bar.value / most, 1)
            let middle = left + (Double(index) + 0.5) * step
            let wide = min(step * 0.72, 56)
            picture.rectangle(
                x: middle - wide / 2, y: floor - height, width: wide, height: height, .accent,
                tip: "\(axis) \(bar.name): \(bar.label)")
            guard index % each == 0 else { continue }
            picture.words(bar.label, x: middle, y: floor - height - 5, anchor: .middle, size: 10)
            picture.words(bar.name, x: middle, y: floor + 14, .faint, anchor: .middle)
        }
        picture.words(axis, x: picture.width / 2, y: picture.height - 8, .faint, anchor: .middle)
        return picture
    }

    /// Lying bars, one below the other: for names that are words.
    package static func lying(_ title: String, _ bars: [Bar]) -> Picture {
        let row = 24.0
        let names = min(170, 20 + 6.6 * Double(bars.map(\.name.count).max() ?? 0))
        var picture = Picture(title: title, width: 480, height: 12 + row * Double(max(bars.count, 1)))
        let most = max(bars.map(\.value).max() ?? 0, .leastNormalMagnitude)
        let room = picture.width - names - 110
        for (index, bar) in bars.enumerated() {
            let y = 6 + row * Double(index)
            let long = room * bar.value / most
            picture.words(shortened(bar.name), x: names - 8, y: y + 15, anchor: .end)
            picture.rectangle(
                x: names, y: y + 3, width: long, height: row - 7, .accent, tip: "\(bar.name): \(bar.label)")
            picture.words(bar.label, x: names + long + 6, y: y + 15, .faint)
        }
        return picture
    }

    /// One bar cut into parts, with a legend. Where there are more than colours, the last ones are one part.
    package static func parts(_ title: String, _ all: [Bar]) -> Picture {
        let parts = joined(all)
        var picture = Picture(title: title, width: 480, height: 56 + 18 * Double((parts.count + 1) / 2))
        let sum = max(parts.reduce(0) { $0 + $1.value }, .leastNormalMagnitude)
        var x = 14.0
        for (index, part) in parts.enumerated() {
            let width = (picture.width - 28) * part.value / sum
            picture.rectangle(
                x: x, y: 10, width: width, height: 30, .series(index), tip: "\(part.name): \(part.label)")
            x += width
            let (column, line) = (Double(index % 2), Double(index / 2))
            picture.rectangle(x: 14 + column * 230, y: 52 + line * 18, width: 10, height: 10, .series(index))
            picture.words("\(part.name): \(part.label)", x: 30 + column * 230, y: 61 + line * 18)
        }
        return picture
    }

    private static func joined(_ parts: [Bar]) -> [Bar] {
        guard parts.count > Picture.Role.seriesCount else { return parts }
        let rest = parts.dropFirst(Picture.Role.seriesCount - 1)
        let sum = rest.reduce(0) { $0 + $1.value }
        let share = 100 * sum / max(parts.reduce(0) { $0 + $1.value }, .leastNormalMagnitude)
        return parts.prefix(Picture.Role.seriesCount - 1)
            + [Bar("\(rest.count) others", sum, label: Markup.number(share, digits: 0) + " %")]
    }

    /// The middle goes: names of one kind often differ at their ends.
    private static func shortened(_ name: String) -> String {
        name.count > 22 ? name.prefix(12) + "…" + name.suffix(9) : name
    }
}
