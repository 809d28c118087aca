import FalconDecoding
import FalconDraft
import FalconModels
import FalconTensor
import Testing

/// Draft heads of random weights, whose guesses are right now and then.
enum RandomHeads {
    /// Expects that a target decodes with heads what it decodes plainly.
    ///
    /// - Returns: how many drafted tokens were accepted.
    static func compare(
        _ target: TargetModel, prompts: [[Int32]], stop: StopRule, fusions: [FusionKind] = [.lstm, .gated],
        pool: ThreadPool
    ) throws -> Int {
        let plain = PlainDecoder(target: target, pool: pool)
        let expected = try prompts.map { try plain.decode($0, stop: stop).tokens }
        var accepted = 0
        for fusion in fusions {
            let configuration = DraftConfiguration(target: target.configuration, blockSize: 2, fusion: fusion)
            let network = try DraftNetwork(configuration, .random(RandomSource(seed: 8)), embedding: target.embedding)
            let head = try DraftHead(network, ends: target.ends, pool: pool)
            let decoder = SpeculativeDecoder(
                target: target, head: head, tree: try TokenTree.select("medium", blockSize: 2), pool: pool)
            for (prompt, tokens) in zip(prompts, expected) {
                let text = try decoder.decode(prompt, stop: stop)
                #expect(text.tokens == tokens)
                accepted += text.statistics.acceptedDraftTokens
            }
        }
        return accepted
    }
}
