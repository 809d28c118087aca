/// Finds texts that repeat themselves. A small model that loops is easy to draft for, so its accept lengths flatter
/// the draft head; reports give their figures over the other texts too.
package struct LoopDetector: Sendable {
    /// The longest cycle that is looked for, in tokens.
    package var longestPeriod = 64
    /// How often a cycle must be seen to count as a loop.
    package var repetitions = 3
    /// The fewest tokens that a loop covers.
    package var shortestLoop = 16
    /// The share of the text that a loop covers.
    package var share = 0.25

    package init() {}

    /// The longest stretch of `tokens` that goes round in a cycle, and the cycle's length; `nil` where none counts as
    /// a loop by the rules above. Costs `tokens.count * longestPeriod` comparisons.
    package func loop(in tokens: [Int32]) -> (range: Range<Int>, period: Int)? {
        var best: (range: Range<Int>, period: Int)?
        for period in 1...longestPeriod where period * repetitions <= tokens.count {
            var start = 0
            for index in period...tokens.count {
                if index < tokens.count, tokens[index] == tokens[index - period] { continue }
                let range = start..<index
                let long = max(shortestLoop, repetitions * period, Int((share * Double(tokens.count)).rounded(.up)))
                if range.count >= long, range.count > best?.range.count ?? 0 { best = (range, period) }
                start = index - period + 1
            }
        }
        return best
    }

    package func loops(_ tokens: [Int32]) -> Bool { loop(in: tokens) != nil }
}
