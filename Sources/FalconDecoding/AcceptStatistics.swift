/// How many drafted tokens the target accepted, pooled over all of its passes.
///
/// Everything is counted in token ids, and tokens behind an end-of-text or behind the last allowed token are left
/// out: they were never part of a text. The names and formulas are those of `AcceptStatistics.formulas`, which every
/// report carries, because papers use the same words for different figures.
package struct AcceptStatistics: Codable, Equatable, Sendable {
    /// Target passes that verified a tree; the pass over the prompt is not one of them.
    package private(set) var targetPasses = 0
    /// Passes of the draft head.
    package private(set) var draftPasses = 0
    /// Tokens of all texts, the first one of each (which the pass over the prompt yields) included.
    package private(set) var generatedTokens = 0
    /// Generated tokens that were drafted.
    package private(set) var acceptedDraftTokens = 0
    /// Those of them that the text's own n-grams proposed, and no head.
    package private(set) var acceptedLookupTokens = 0
    /// Tokens that the text's own n-grams proposed, and no head.
    package private(set) var lookupTokens = 0
    /// `[a]`: target passes that accepted a drafted tokens.
    package private(set) var histogram: [Int] = []
    /// `[a]`: those of them that might have accepted more: passes of a replay that left the stored text where the
    /// tree went on (see `FeatureReplay`). Empty for live decoding.
    package private(set) var cutHistogram: [Int] = []

    package init() {}

    /// Counts the token that the pass over a prompt yields.
    package mutating func recordPrompt() { generatedTokens += 1 }

    /// Counts one target pass.
    ///
    /// - Parameters:
    ///   - accepted: drafted tokens that became part of the text.
    ///   - generated: tokens that became part of the text, the target's own one included unless the text ended before.
    ///   - draftPasses: passes of the draft head that filled the tree.
    ///   - lookup: tokens that n-grams proposed, and how many of them became part of the text.
    ///   - isCut: whether nobody knows if more would have been accepted.
    package mutating func recordPass(
        accepted: Int, generated: Int, draftPasses: Int, lookup: (tokens: Int, accepted: Int) = (0, 0),
        isCut: Bool = false
    ) {
        precondition(accepted <= generated, "\(accepted) accepted tokens among \(generated)")
        targetPasses += 1
        self.draftPasses += draftPasses
        generatedTokens += generated
        acceptedDraftTokens += accepted
        lookupTokens += lookup.tokens
        acceptedLookupTokens += lookup.accepted
        AcceptStatistics.add(1, to: &histogram, at: accepted)
        if isCut { AcceptStatistics.add(1, to: &cutHistogram, at: accepted) }
    }

    /// Adds what was counted elsewhere.
    package mutating func add(_ other: AcceptStatistics) {
        targetPasses += other.targetPasses
        draftPasses += other.draftPasses
        generatedTokens += other.generatedTokens
        acceptedDraftTokens += other.acceptedDraftTokens
        lookupTokens += other.lookupTokens
        acceptedLookupTokens += other.acceptedLookupTokens
        for (accepted, passes) in other.histogram.enumerated() {
            AcceptStatistics.add(passes, to: &histogram, at: accepted)
        }
        for (accepted, passes) in other.cutHistogram.enumerated() {
            AcceptStatistics.add(passes, to: &cutHistogram, at: accepted)
        }
    }

    private static func add(_ passes: Int, to histogram: inout [Int], at accepted: Int) {
        if histogram.count <= accepted {
            histogram += [Int](repeating: 0, count: accepted + 1 - histogram.count)
        }
        histogram[accepted] += passes
    }

    /// tau: accepted draft tokens per target pass, the target's own token not counted. 0 without a pass.
    package var acceptLength: Double { ratio(acceptedDraftTokens, targetPasses) }

    /// tau + 1, which other papers call accept length.
    package var tokensPerPass: Double { acceptLength + 1 }

    /// alpha: the share of generated tokens that were drafted.
    package var acceptanceRate: Double { ratio(acceptedDraftTokens, generatedTokens) }

    /// `[d - 1]`: of the passes that accepted d - 1 tokens or more, the share that accepted d or more; of those alone
    /// of which it is known.
    package var acceptanceByDepth: [Double] {
        var reached = targetPasses
        return histogram.indices.dropLast().map { accepted in
            let next = reached - histogram[accepted]
            let decided = reached - (accepted < cutHistogram.count ? cutHistogram[accepted] : 0)
            reached = next
            return ratio(next, decided)
        }
    }

    /// Passes of which nobody knows how much they would have accepted.
    package var cutPasses: Int { cutHistogram.reduce(0, +) }

    /// What tau would be if the cut passes went on as the others did at the same depth: the sum of the products of
    /// `acceptanceByDepth`, the product-limit estimate. Without cut passes it is `acceptLength`.
    package var acceptLengthEstimate: Double {
        var (sum, product) = (0.0, 1.0)
        for share in acceptanceByDepth {
            product *= share
            sum += product
        }
        return sum
    }

    /// What each figure of a report is, word for word.
    package static let formulas: [String: String] = [
        "accept_length": "accepted_draft_tokens / target_passes (the target's own token is not counted)",
        "tokens_per_pass": "accept_length + 1",
        "acceptance_rate": "accepted_draft_tokens / generated_tokens",
        "accept_histogram": "[a] = target passes that accepted a draft tokens",
        "acceptance_by_depth": "[d-1] = passes that accepted >= d tokens / passes that accepted >= d-1 tokens",
        "target_passes": "passes that verified drafted tokens or yielded one token; passes over prompts not counted",
        "generated_tokens": "token ids up to and including end-of-text; nothing behind it is counted anywhere",
        "tokens_per_second": "generated_tokens / seconds.total, passes over prompts included",
        "speedup": "tokens_per_second / baseline_tokens_per_second: plain decoding, same process, same prompts",
        "mismatched_tokens": "positions where speculative and plain decoding of a prompt differ, lengths included",
    ]

    /// Further ones where the texts' own n-grams are drafted from.
    package static let lookupFormulas: [String: String] = [
        "lookup_tokens": "tokens that n-grams of the text itself proposed and no head did",
        "accepted_lookup_tokens": "those of accepted_draft_tokens that are among them",
    ]

    /// The same for a replay.
    package static let replayFormulas: [String: String] = {
        var formulas = AcceptStatistics.formulas
        for key in ["tokens_per_second", "speedup", "mismatched_tokens"] { formulas[key] = nil }
        formulas["generated_tokens"] = "token ids of the stored answers up to end-of-text or the limit"
        formulas["target_passes"] = "passes that live decoding would make along the stored text"
        formulas["acceptance_by_depth"] = """
            [d-1] = passes that accepted >= d tokens / passes that accepted >= d-1 tokens and were not cut there
            """
        formulas["cut_passes"] = """
            passes that left the stored text at a drafted token with candidates behind it; counted up to that token
            """
        formulas["accept_length_estimate"] = """
            sum over d of the product of acceptance_by_depth[0..<d]; accept_length where no pass is cut
            """
        formulas["rank_by_depth"] = """
            [d-1][r] = passes that got to depth d whose next target token had rank r in the head's ranking there
            """
        formulas["text_agreement"] =
            "stored answer tokens that are the argmax of LM head x stored feature / all of them"
        return formulas
    }()

    private func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}
