import FalconDecoding
import FalconDraft
import FalconModels
import FalconNN
import FalconTensor
import FalconTestSupport
import Testing

/// Families whose layers see windows, are not turned by positions, or scale their embeddings.
@Suite struct FamilyDecodingTests {
    @Test(arguments: ["gemma3", "smollm3", "olmo2", "phi3", "phi3_longrope"])
    func `a model decodes with a head what it decodes plainly`(name: String) throws {
        var accepted = 0
        for arithmetic in [ProductArithmetic.float32, .bfloat16, .int8] {
            let pool = ThreadPool(threadCount: arithmetic == .float32 ? 1 : 3)
            let folder = Fixtures.path("families/\(name)")
            let target = try TargetModel(folder: folder, arithmetic: arithmetic, pool: pool)
            let plain = PlainDecoder(target: target, pool: pool)
            let stop = StopRule(endTokens: [2], maximumTokens: 40)
            for fusion in [FusionKind.lstm, .gated] {
                let configuration = DraftConfiguration(
                    target: target.configuration, blockSize: 2, layerCount: 1, fusion: fusion)
                let network = try DraftNetwork(
                    configuration, .random(RandomSource(seed: 8)), embedding: target.embedding)
                let head = try DraftHead(network, ends: target.ends, pool: pool)
                let decoder = SpeculativeDecoder(
                    target: target, head: head, tree: try TokenTree.select("medium", blockSize: 2), pool: pool)
                for length in [1, 9, 40] {
                    let prompt = (0..<length).map { Int32(($0 * 7 + 3) % 61 + 3) }
                    let text = try decoder.decode(prompt, stop: stop)
                    #expect(try text.tokens == plain.decode(prompt, stop: stop).tokens)
                    accepted += text.statistics.acceptedDraftTokens
                }
            }
        }
        // Of this Gemma's tokens heads of random weights guess none.
        #expect(accepted > 0 || name == "gemma3")
    }
}
