import Testing

@testable import FalconPictures

@Suite struct AxisTests {
    /// Round: 1, 2 or 5 times a power of ten lie between ticks.
    private func isRound(_ axis: Axis) -> Bool {
        guard axis.ticks.count > 1 else { return false }
        let step = axis.ticks[1] - axis.ticks[0]
        return (-320...300).contains { exponent in
            [1.0, 2, 5].contains { abs(step / ($0 * power(exponent)) - 1) < 1e-6 }
        }
    }

    private func power(_ exponent: Int) -> Double { Double("1e\(exponent)") ?? 0 }

    @Test(arguments: [
        (0.0, 1.0), (0, 0.7), (0.35, 1), (0, 3e-5), (3e-5, 6e-5), (0, 6), (0, 12_000), (9_990, 12_345), (2.3, 9.1),
        (0, 1e-12), (-3, 4), (-0.001, 0.004), (0.9999, 1), (1, 1), (0, 0), (5, 5), (-2, -2), (1e9, 3e9),
        (0, 123_456_789),
        (1e-290, 2e-290), (-1e290, 1e290), (0, 4e-300), (0.1, 0.1 + 1e-9), (6.909, 6.9091),
    ])
    func `ticks are round, apart and around the values`(low: Double, high: Double) {
        let axis = Axis(from: low, to: high)
        #expect(isRound(axis), "\(axis)")
        #expect((2...9).contains(axis.ticks.count), "\(axis)")
        #expect(Set(axis.labels).count == axis.labels.count, "\(axis)")
        #expect(axis.low <= low && axis.high >= high && axis.low < axis.high, "\(axis)")
        #expect(axis.ticks.first == axis.low && axis.ticks.last == axis.high, "\(axis)")
        // Counts and rates are never negative, and an axis of shares ends at 1.
        if low >= 0 { #expect(axis.low >= 0, "\(axis)") }
        if high <= 1, low >= 0 { #expect(axis.high <= 1, "\(axis)") }
        for (tick, label) in zip(axis.ticks, axis.labels) {
            #expect(label.count <= 9, "\(label)")
            let read = Double(label) ?? .nan
            #expect(abs(read - tick) <= 1e-6 * max(abs(axis.low), abs(axis.high)), "\(tick) reads \(label)")
        }
    }

    @Test func `an axis of shares and one of rates read as people write them`() {
        #expect(
            Axis(from: 0.02, to: 0.98).labels
                == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"].map { $0 == "0.0" ? "0" : $0 })
        #expect(Axis(from: 0, to: 3e-5).labels == ["0", "1e-5", "2e-5", "3e-5"])
        #expect(Axis(from: 0, to: 11_873).labels == ["0", "5000", "10000", "15000"])
        #expect(Axis(from: 1, to: 1).labels.last == "1.0" && Axis(from: 1, to: 1).low == 0)
    }

    @Test(arguments: [(1.0, 600.0), (1, 2), (1, 1), (5, 5), (1, 8), (500, 20_000), (0, 3), (17, 19), (1, 1_000_000)])
    func `steps and depths are counted in whole numbers`(first: Double, last: Double) {
        let axis = Axis(from: first, to: last, isTight: true, isWhole: true)
        #expect(axis.ticks.allSatisfy { $0 == $0.rounded() && (first...last).contains($0) })
        #expect(axis.labels == axis.ticks.map { "\(Int($0))" } && Set(axis.labels).count == axis.labels.count)
        #expect(axis.low == first && axis.high == last)
    }

    @Test func `parts beyond the colours become one`() {
        let bars = (1...20).map { BarChart.Bar("part \($0)", 1, label: "\($0)") }
        let picture = BarChart.parts("many", bars).inline
        #expect(picture.contains("13 others: 65 %") && picture.contains("part 7") && !picture.contains("part 8"))
        let few = BarChart.parts("few", Array(bars.prefix(8))).inline
        #expect(few.contains("part 8") && !few.contains("others"))
    }

    @Test func `values that no axis has are left out`() throws {
        let points: [CurvePlot.Point] = [(1, 0.5), (2, .nan), (3, .infinity), (.nan, 1), (4, 1e300), (5, 0.25)]
        let picture = try #require(CurvePlot.picture("odd", [CurvePlot.Curve(name: "a", points: points)]))
        #expect(!picture.inline.contains("nan") && !picture.inline.contains("inf") && !picture.inline.contains("–"))
        #expect(CurvePlot.picture("none", [CurvePlot.Curve(name: "a", points: [(1, .nan)])]) == nil)
    }
}
