/// Decides how many nodes of a text's own n-grams are worth their rows, on this machine and for this target.
///
/// Rows have prices, in plain passes; nodes have chances, which every text teaches (`LookupStatistics`). A round takes
/// the nodes that bring more tokens than plain decoding, at the text's own pace, would make in the time that they
/// cost; where there are none it is a plain round. What a text's tokens are never depends on it: greedy ones are the
/// target's own, and drawn ones are drawn from the target's distribution whether or not they were drafted.
package final class LookupPlanner {
    package enum Kind: Equatable, Sendable {
        /// As many nodes as pay.
        case auto
        /// The likeliest tokens in a row, so many, wherever the text's end came before.
        case chain(Int)
    }

    package let kind: Kind
    /// Plans the head's trees, where a head drafts as well.
    let head: TreePlanner?
    /// Seconds that calibration took.
    package private(set) var calibrationSeconds = 0.0
    private var cost = RoundCost()
    private var curve: CostCurve?
    private var shared = LookupStatistics(memory: 4000)

    /// Rows of the target's pass whose times are measured, the coarsest picture first.
    static let calibratedRows = [1, 16, 4, 2, 8, 32, 3, 24, 6, 12]
    /// The most rows of a round's pass that n-grams fill.
    package static var rowLimit: Int { calibratedRows.max() ?? 32 }

    package init(kind: Kind = .auto, head: TreePlanner? = nil) { (self.kind, self.head) = (kind, head) }

    /// What `--tree` calls it, `--draft lookup` understood.
    package static func select(_ option: String) -> LookupPlanner? {
        if option == "auto" { return LookupPlanner() }
        guard option.hasPrefix("chain:"), let depth = Int(option.dropFirst("chain:".count)),
            (1..<rowLimit).contains(depth)
        else { return nil }
        return LookupPlanner(kind: .chain(depth))
    }

    package var name: String {
        switch kind {
        case .auto: "lookup"
        case .chain(let depth): "lookup, chain:\(depth)"
        }
    }

    /// What candidates are worth at a text's beginning.
    ///
    /// - Parameter isFixed: for a text whose tokens must not depend on others.
    func prior(isFixed: Bool) -> LookupStatistics.Prior { isFixed ? .measured : shared.learnt(.measured) }

    /// Learns from a token of any text.
    func record(_ candidates: [NGramIndex.Candidate], next token: Int32) { shared.record(candidates, next: token) }

    /// What a round costs that drafts nothing but n-grams, `[rows]`, in plain rounds.
    ///
    /// - Parameter texts: that share the target's passes.
    func prices(texts: Int, isFixed: Bool) -> [Double] {
        guard let curve = head?.measuredCosts ?? curve else { return LookupPlanner.assumed }
        let shared = curve.shared(by: isFixed ? 1 : texts)
        let plain = max(1e-9, shared.plainRound)
        return (0...LookupPlanner.rowLimit).map { rows in
            rows < 2 ? 1 : shared.round(nodes: rows - 1, passes: 0, blocks: 0) / plain
        }
    }

    /// Before anything is measured: what rows cost a small target on two cores.
    static let assumed = (0...rowLimit).map { $0 < 2 ? 1 : 1.03 + 0.05 * Double($0 - 1) }

    /// Takes what a round of the calibration took.
    func calibrated(_ round: RoundTimes) { cost.record(round) }

    /// Ends the calibration.
    func endCalibration(seconds: Double) {
        calibrationSeconds += seconds
        guard cost.roundCount.plain > 0, cost.roundCount.drafted > 0 else { return }
        curve = cost.curve(rows: LookupPlanner.rowLimit)
    }

    /// What rounds cost as far as it was measured.
    package var measuredCosts: CostCurve? { curve }

    /// Its figures in words.
    package var summary: String {
        let prices = prices(texts: 1, isFixed: false)
        func price(_ rows: Int) -> String { "\((100 * prices[rows]).rounded() / 100)" }
        return "\(name): \(curve == nil && head?.measuredCosts == nil ? "assuming that" : "measured:") a pass of 2, 4, "
            + "8, 16, 32 rows takes \([2, 4, 8, 16, 32].map(price).joined(separator: ", ")) times a plain one"
    }
}
