extension BarChart {
    /// What lying bars in groups show: a bar for each series in each group.
    package struct Groups: Sendable, Equatable {
        package let title: String
        /// What a bar's length counts, e.g. "tokens/s".
        package let unit: String
        package let series: [String]
        package let groups: [String]
        /// `[group][series]`.
        package let values: [[Double]]

        /// Traps where the values have another shape.
        package init(title: String, unit: String, series: [String], groups: [String], values: [[Double]]) {
            precondition(
                values.count == groups.count && values.allSatisfy { $0.count == series.count },
                "\(values.map(\.count)) values for \(groups.count) groups of \(series.count)")
            (self.title, self.unit, self.series, self.groups, self.values) = (title, unit, series, groups, values)
        }
    }

    /// Lying bars, a group below the other, with a legend and each bar's value at its end.
    package static func lying(_ chart: Groups) -> Picture {
        let (row, gap, left) = (18.0, 12.0, 96.0)
        let group = row * Double(chart.series.count) + gap
        let top = 34.0
        var picture = Picture(
            title: chart.title, width: 620,
            height: top + group * Double(chart.groups.count) + 22 * Double((chart.series.count + 2) / 3))
        picture.words(chart.title, x: 14, y: 20, size: 13)
        let most = max(chart.values.joined().max() ?? 0, .leastNormalMagnitude)
        let room = picture.width - left - 96
        for (number, name) in chart.groups.enumerated() {
            let first = top + group * Double(number)
            picture.words(name, x: left - 8, y: first + (group - gap) / 2 + 4, anchor: .end)
            for (index, value) in chart.values[number].enumerated() {
                let (y, long) = (first + row * Double(index), room * max(0, value) / most)
                let label = "\(Markup.number(value)) \(chart.unit)"
                picture.rectangle(
                    x: left, y: y + 2, width: long, height: row - 4, .series(index),
                    tip: "\(name), \(chart.series[index]): \(label)")
                picture.words(label, x: left + long + 6, y: y + 13, .faint)
            }
        }
        for (index, name) in chart.series.enumerated() {
            let x = 14 + 200 * Double(index % 3)
            let y = top + group * Double(chart.groups.count) + 22 * Double(index / 3)
            picture.rectangle(x: x, y: y, width: 10, height: 10, .series(index))
            picture.words(name, x: x + 16, y: y + 9)
        }
        return picture
    }
}
