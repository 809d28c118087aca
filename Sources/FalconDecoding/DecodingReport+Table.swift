import FalconTensor
import Foundation

/// The same figures for a person.
extension DecodingReport {
    /// One table, a line a figure, then one with a line for each category where there are several.
    package var table: String {
        let (statistics, unlooped) = (all.statistics, withoutLoops.statistics)
        var rows: [(String, String)] = [
            ("prompts", "\(all.prompts)" + (skippedPrompts > 0 ? " (\(skippedPrompts) too long, left out)" : "")),
            ("generated tokens", "\(statistics.generatedTokens)"),
            ("target passes", "\(statistics.targetPasses)"),
        ]
        if isInterrupted { rows.insert(("interrupted", "figures of what was finished"), at: 1) }
        if !all.finishes.isEmpty {
            let ends = FinishReason.allCases.compactMap { reason in
                all.finishes[reason].map { "\(reason.words) \($0)" }
            }
            rows.append(("answers ended by", ends.joined(separator: ", ")))
        }
        if let replay, let row = rows.firstIndex(where: { $0.0 == "generated tokens" }) {
            rows[row].0 = "stored answers' tokens"
            rows.append(
                (
                    "  the target's own choice",
                    "\(number(100 * replay.textAgreement, digits: 1)) % of them, by features in \(replay.dtype)"
                ))
        }
        if isDrafted {
            rows += [
                ("tree", "\(tree.name): \(counted(tree.nodes, "node")), \(tree.depth) deep"),
                ("accept length", "\(number(statistics.acceptLength)) drafted tokens per target pass"),
            ]
            if statistics.cutPasses > 0 {
                rows.append(
                    (
                        "  estimate",
                        "\(number(statistics.acceptLengthEstimate)): the above counts "
                            + "\(counted(statistics.cutPasses, "pass", "passes")) only as far as the text goes along"
                    ))
            }
            rows += [
                (
                    "  without looping texts",
                    "\(number(unlooped.acceptLength)) over \(counted(withoutLoops.prompts, "prompt"))"
                ),
                (
                    "acceptance rate",
                    "\(number(100 * statistics.acceptanceRate, digits: 1)) % of all tokens were drafted"
                ),
                ("accepted by depth", statistics.acceptanceByDepth.map { number($0) }.joined(separator: " ")),
            ]
            if all.usesLookup {
                rows.append(
                    (
                        "  from the text itself",
                        "\(statistics.acceptedLookupTokens) of \(counted(statistics.lookupTokens, "token")) drafted"
                    ))
            }
        } else {
            rows.append(("looping texts", "\(all.loopingPrompts)"))
        }
        if let rate = all.tokensPerSecond { rows.append(("tokens per second", speed(rate))) }
        if let predicted {
            rows.append((all.tokensPerSecond == nil ? "tokens per second" : "  as predicted", predicted))
        }
        if let baseline = all.baselineTokensPerSecond, let speedup = all.speedup {
            rows += [("  plain decoding", speed(baseline)), ("speed-up", "\(number(speedup))x")]
        }
        if let mismatched = all.mismatchedTokens { rows.append(("mismatched tokens", "\(mismatched)")) }
        if let replay {
            let rate = number(replay.textTokensPerSecond, digits: 0)
            rows.append(("seconds", "\(number(replay.seconds)): \(rate) stored tokens per second"))
        }
        if let seconds {
            rows.append(
                (
                    "seconds",
                    "load \(number(seconds.load)), prefill \(number(seconds.prefill)), draft \(number(seconds.draft)), "
                        + "verify \(number(seconds.verify)), commit \(number(seconds.commit)), "
                        + "total \(number(seconds.total))"
                ))
        }
        rows.append(("peak memory", "\(number(Double(peakMemoryBytes) / 1_000_000, digits: 0)) MB"))
        return Self.aligned(rows.map { [$0, $1] }) + (categories.count > 1 ? "\n\n" + categoryTable : "")
    }

    /// Whether there are figures of drafting to tell.
    var isDrafted: Bool { tree.nodes > 0 || all.statistics.draftPasses > 0 || all.usesLookup }

    /// What a planner expected, in words.
    private var predicted: String? {
        tree.prediction.map { predicted in
            "\(number(predicted.tokensPerSecond, digits: 1)) with \(number(predicted.acceptLength)) accepted, "
                + "\(number(predicted.plainTokensPerSecond, digits: 1)) plain"
        }
    }

    /// The choice of the tree, what was expected of it and what came of it, a line each; empty without a planner.
    package var planNotes: [String] {
        guard let choice = tree.choice else { return [] }
        var lines = [tree.costs?.summary, choice].compactMap(\.self)
        guard let predicted else { return lines }
        lines.append("predicted: \(predicted) tokens/s")
        var measured = "\(number(all.statistics.acceptLength)) accepted"
        if let rate = all.tokensPerSecond { measured = "\(number(rate, digits: 1)) with " + measured }
        if let baseline = all.baselineTokensPerSecond { measured += ", \(number(baseline, digits: 1)) plain" }
        lines.append((replay == nil ? "measured: " : "replayed: ") + measured + (replay == nil ? " tokens/s" : ""))
        if let error = tree.predictionError {
            lines.append("the prediction is \(number(100 * error, digits: 1)) % off")
        }
        return lines
    }

    private var categoryTable: String {
        var lines = [
            ["category", "prompts", "tokens", "accept length", "without looping", "acceptance rate", "looping"]
        ]
        if all.speedup != nil { lines[0].append("speed-up") }
        for (name, category) in categories.sorted(by: { $0.key < $1.key }) {
            let (share, statistics) = (category.all, category.all.statistics)
            var line = [
                name, "\(share.prompts)", "\(statistics.generatedTokens)", number(statistics.acceptLength),
                number(category.withoutLoops.statistics.acceptLength),
                number(100 * statistics.acceptanceRate, digits: 1) + " %", "\(share.loopingPrompts)",
            ]
            if let speedup = share.speedup { line.append(number(speedup) + "x") }
            lines.append(line)
        }
        return Self.aligned(lines)
    }

    /// Lines of columns, each column as wide as its widest entry.
    private static func aligned(_ lines: [[String]]) -> String {
        let columns = lines.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return lines.map { line in
            zip(line, widths).enumerated().map { index, entry in
                index == line.count - 1
                    ? entry.0 : entry.0 + String(repeating: " ", count: entry.1 + 2 - entry.0.count)
            }.joined()
        }.joined(separator: "\n")
    }

    /// A speed with the batch that it was measured with.
    private func speed(_ rate: Double) -> String {
        number(rate, digits: 1) + (batch.map { ", batch \($0)" } ?? "")
    }

    private func number(_ value: Double, digits: Int = 2) -> String { String(format: "%.\(digits)f", value) }
}
