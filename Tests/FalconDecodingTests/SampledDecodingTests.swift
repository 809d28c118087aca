import FalconDraft
import FalconModels
import FalconTensor
import Testing

@testable import FalconDecoding

/// Whole decodings at a temperature, of a real target with a real head, have the distribution that the target's own
/// logits give under the same rule, computed for every possible text.
@Suite struct SampledDecodingTests {
    enum Shape: CustomTestStringConvertible {
        case fixed(String), growing(nodes: Int)
        /// With nodes of the text itself, beside a head's tree or alone.
        case lookup(String?)

        var testDescription: String {
            switch self {
            case .fixed(let name): name
            case .growing(let nodes): "dynamic:\(nodes)"
            case .lookup(let name): "lookup" + (name.map { " beside \($0)" } ?? "")
            }
        }
    }

    struct Setting: CustomTestStringConvertible {
        let temperature: Double
        var topK = 0
        var topP = 1.0
        let shape: Shape
        let blockSize: Int
        /// The draft vocabulary, where there is one.
        var ranked: [Int32]?

        var testDescription: String {
            "\(shape.testDescription) of block size \(blockSize), temperature \(temperature), "
                + "top-k \(topK), top-p \(topP)" + (ranked.map { ", draft vocabulary of \($0.count)" } ?? "")
        }

        func rule(seed: UInt64) -> SamplingRule {
            SamplingRule(temperature: temperature, topK: topK, topP: topP, seed: seed)
        }
    }

    static let settings = [
        Setting(temperature: 6, topK: 3, shape: .fixed("small"), blockSize: 2),
        Setting(temperature: 8, topP: 0.8, shape: .fixed("small"), blockSize: 3),
        Setting(temperature: 12, shape: .fixed("medium"), blockSize: 2),
        Setting(temperature: 6, topK: 4, topP: 0.9, shape: .fixed("chain:3"), blockSize: 1),
        Setting(temperature: 10, topK: 5, shape: .growing(nodes: 9), blockSize: 2),
        Setting(temperature: 6, topP: 0.95, shape: .growing(nodes: 6), blockSize: 3),
        // What the head does not rank has q = 0: it must come up as often as the target wants it all the same.
        Setting(temperature: 8, shape: .fixed("small"), blockSize: 2, ranked: [0, 2, 3, 5, 6, 8, 9]),
        Setting(temperature: 12, topP: 0.9, shape: .fixed("medium"), blockSize: 2, ranked: [11, 1, 2, 4]),
        Setting(temperature: 10, topK: 5, shape: .growing(nodes: 9), blockSize: 2, ranked: [1, 3, 4, 7, 10]),
        Setting(temperature: 6, shape: .fixed("chain:3"), blockSize: 1, ranked: [0, 3, 2, 7]),
        Setting(temperature: 6, topK: 3, shape: .lookup("chain:1"), blockSize: 1),
        Setting(temperature: 8, topP: 0.8, shape: .lookup("small"), blockSize: 2),
        Setting(temperature: 12, shape: .lookup(nil), blockSize: 1),
    ]

    private static let prompt: [Int32] = [1, 2, 3, 0, 1, 2, 3, 1, 0, 2, 1, 2, 3]
    private static let length = 3

    @Test(arguments: settings)
    func `Decoded texts have the target's distribution, and the same seed draws the same`(_ setting: Setting) throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 51, vocabulary: 12, favoured: 4, pool: pool)
        let head = try models.head(
            models.network(blockSize: setting.blockSize, fusion: .lstm, seed: 4, ranked: setting.ranked), pool: pool)
        let stop = StopRule(endTokens: [], maximumTokens: SampledDecodingTests.length)
        let decode = try decoder(setting, models.target, head, stop, pool)
        var counts: [[Int32]: Int] = [:]
        var (accepted, lookedUp) = (0, 0)
        // A whole decoding takes as long as many made-up rounds.
        for seed in 0..<UInt64(max(400, (DistributionFit.longSamples ?? 0) / 20)) {
            let text = try decode(setting.rule(seed: seed))
            if seed < 5 { #expect(try decode(setting.rule(seed: seed)).tokens == text.tokens) }
            counts[text.tokens, default: 0] += 1
            accepted += text.statistics.acceptedDraftTokens
            lookedUp += text.statistics.acceptedLookupTokens
        }
        if case .lookup = setting.shape { #expect(lookedUp > 0) }
        let fit = DistributionFit(counts, probabilities(of: setting.rule(seed: 0), models.target, pool))
        fit.note("decoder, \(setting.testDescription), \(accepted) draft tokens accepted")
        #expect(accepted > 0 && fit.isExact, "\(fit)")
    }

    private func decoder(
        _ setting: Setting, _ target: TargetModel, _ head: DraftHead, _ stop: StopRule, _ pool: ThreadPool
    ) throws -> (SamplingRule) throws -> DecodedText {
        let prompt = SampledDecodingTests.prompt
        switch setting.shape {
        case .fixed(let name):
            let tree = try TokenTree.select(name, blockSize: setting.blockSize)
            return { rule in
                try SpeculativeDecoder(target: target, head: head, tree: tree, sampling: rule, pool: pool)
                    .decode(prompt, stop: stop)
            }
        case .lookup(nil):
            return { rule in
                try LookupDecoder(target: target, sampling: rule, pool: pool).decode(prompt, stop: stop)
            }
        case .lookup(let name?):
            let shape = DraftShape.fixed(try TokenTree.select(name, blockSize: setting.blockSize))
            return { rule in
                try SpeculativeDecoder(
                    target: target, head: head, shape: shape, addsLookup: true, sampling: rule, pool: pool
                ).decode(prompt, stop: stop)
            }
        case .growing(let nodes):
            let tree = SamplingTests.dynamicTree(setting.blockSize, nodes)
            return { rule in
                try SpeculativeDecoder(
                    target: target, head: head, tree: .none(blockSize: setting.blockSize), sampling: rule, pool: pool
                ).decode(prompt, stop: stop, growing: tree)
            }
        }
    }

    /// Of every text, by plain passes of the target.
    private func probabilities(
        of rule: SamplingRule, _ target: TargetModel, _ pool: ThreadPool
    ) -> [[Int32]: Double] {
        var texts: [[Int32]: Double] = [[]: 1]
        for _ in 0..<SampledDecodingTests.length {
            var longer: [[Int32]: Double] = [:]
            for (text, probability) in texts {
                let tokens = SampledDecodingTests.prompt + text
                let features = target.forward(tokens, cache: target.makeCache(capacity: tokens.count), on: pool)
                let logits = target.ends.logits(features.rows(tokens.count - 1..<tokens.count), on: pool).row(0)
                for (token, next) in rule.distribution(logits).probabilities.enumerated() where next > 0 {
                    longer[text + [Int32(token)]] = probability * next
                }
            }
            texts = longer
        }
        return texts
    }
}
