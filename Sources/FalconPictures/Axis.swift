import Foundation

/// The range and the ticks of an axis: round values, each with words of its own.
///
/// The range reaches no further than the tick beyond the values, so that an axis of counts or rates has nothing below
/// 0, and one of shares nothing above 1.
struct Axis {
    let low, high: Double
    /// Greater and smaller magnitudes have no axis.
    static let (greatest, least) = (1e290, 1e-290)
    /// Ascending, all within the range.
    let ticks: [Double]
    /// What stands at each tick.
    let labels: [String]

    /// - Parameters:
    ///   - least: the least value to show, and `greatest` the greatest; no magnitude is above `Axis.greatest`.
    ///   - isTight: whether the range is that of the values, whatever the ticks; else it goes on to the next tick.
    ///   - isWhole: whether ticks stand at whole numbers only.
    ///   - count: about so many ticks.
    init(from least: Double, to greatest: Double, isTight: Bool = false, isWhole: Bool = false, count: Double = 5) {
        var (low, high) = (least, greatest)
        let size = max(abs(low), abs(high))
        // What differs less than a label can tell is flat: such a curve is shown by its size, from 0.
        let isFlat = !(high - low > max(size * 1e-5, Axis.least))
        if isFlat, !isTight { (low, high) = size < Axis.least ? (0, 1) : (min(0, low), max(0, high)) }
        guard high > low else {
            (self.low, self.high, ticks) = (low, high, [low])
            labels = [Axis.label(low, step: low == low.rounded() ? 1 : Axis.round(size / count))]
            return
        }
        var step = Axis.round((high - low) / count)
        if isWhole { step = max(1, step.rounded()) }
        let first = isTight ? (low / step).rounded(.up) : (low / step).rounded(.down)
        let last = isTight ? (high / step).rounded(.down) : (high / step).rounded(.up)
        // 0.30000000000000004 is no round value: an inverse that is whole divides exactly.
        let parts = (1 / step).rounded()
        func value(_ number: Double) -> Double { step < 1 && parts > 0 ? number / parts : number * step }
        ticks = first <= last ? stride(from: first, through: last, by: 1).map(value) : [low]
        labels = ticks.map { Axis.label($0, step: step) }
        self.low = isTight ? low : value(first)
        self.high = isTight ? high : value(last)
    }

    /// The next of 1, 2, 5, 10, 20, 50, ... (0.5, 0.2, ...) from a distance upward.
    private static func round(_ distance: Double) -> Double {
        let power = pow(10, floor(log10(distance)))
        guard power > 0, power.isFinite else { return distance }
        let share = distance / power
        // A little over a round value is the round value.
        let factor = share < 1.0001 ? 1.0 : share < 2.0001 ? 2 : share < 5.0001 ? 5 : 10
        return power < 1 ? factor / (1 / power).rounded() : factor * power
    }

    /// As many digits as it takes to tell ticks apart that lie a step from each other.
    private static func label(_ value: Double, step: Double) -> String {
        guard value != 0 else { return "0" }
        let place = Int(floor(log10(step) + 1e-9))
        if abs(value) < 1e7, step > 0.99e-4 { return String(format: "%.\(max(0, -place))f", value) }
        let digits = max(0, Int(floor(log10(abs(value)) + 1e-9)) - place)
        let parts = String(format: "%.\(digits)e", value).split(separator: "e")
        return parts.count == 2 ? "\(parts[0])e\(Int(parts[1]) ?? 0)" : "\(parts[0])"
    }
}
