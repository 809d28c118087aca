import Foundation

/// The same figures for a person.
extension DecodingReport {
    /// One table, a line a figure.
    package var table: String {
        let (statistics, calm) = (all.statistics, withoutLoops.statistics)
        var rows: [(String, String)] = [
            ("prompts", "\(all.prompts)" + (skippedPrompts > 0 ? " (\(skippedPrompts) too long, left out)" : "")),
            ("generated tokens", "\(statistics.generatedTokens)"),
            ("target passes", "\(statistics.targetPasses)"),
        ]
        if tree.nodes > 0 {
            rows += [
                ("tree", "\(tree.name): \(tree.nodes) nodes, \(tree.depth) deep"),
                ("accept length", "\(number(statistics.acceptLength)) drafted tokens per target pass"),
                ("  without looping texts", "\(number(calm.acceptLength)) over \(withoutLoops.prompts) prompts"),
                (
                    "acceptance rate",
                    "\(number(100 * statistics.acceptanceRate, digits: 1)) % of all tokens were drafted"
                ),
                ("accepted by depth", statistics.acceptanceByDepth.map { number($0) }.joined(separator: " ")),
            ]
        } else {
            rows.append(("looping texts", "\(all.prompts - withoutLoops.prompts)"))
        }
        rows.append(("tokens per second", number(tokensPerSecond, digits: 1)))
        if let baselineTokensPerSecond, let speedup {
            rows += [
                ("  plain decoding", number(baselineTokensPerSecond, digits: 1)),
                ("speed-up", "\(number(speedup))x"),
            ]
        }
        if let mismatchedTokens { rows.append(("mismatched tokens", "\(mismatchedTokens)")) }
        rows += [
            (
                "seconds",
                "load \(number(seconds.load)), prefill \(number(seconds.prefill)), draft \(number(seconds.draft)), "
                    + "verify \(number(seconds.verify)), commit \(number(seconds.commit)), "
                    + "total \(number(seconds.total))"
            ),
            ("peak memory", "\(number(Double(peakMemoryBytes) / 1_000_000, digits: 0)) MB"),
        ]
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { $0.padding(toLength: width + 2, withPad: " ", startingAt: 0) + $1 }.joined(separator: "\n")
    }

    private func number(_ value: Double, digits: Int = 2) -> String { String(format: "%.\(digits)f", value) }
}
