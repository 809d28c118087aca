import FalconDecoding
import FalconDraft
import FalconModels
import FalconTensor
import FalconTestSupport
import FalconTokenizer

@testable import Falcon

/// The embedded target through the front door, and what the layers below make of the same questions.
enum FrontDoor {
    static let path = Fixtures.repository + "/Checkpoints/target"

    static func model(maximumTexts: Int = 8, cacheBytes: Int = 1 << 20) async throws -> LanguageModel {
        try await .load(path, options: .init(threads: 2, maximumTexts: maximumTexts, cacheBytes: cacheBytes))
    }

    /// A head with random weights in a folder: its guesses are hardly ever right, which must not matter.
    static func writeHead(into folder: TemporaryFolder) throws -> String {
        let ends = try EmbeddingAndHead(folder: path, pool: ThreadPool(threadCount: 1))
        let configuration = DraftConfiguration(
            target: ends.configuration, blockSize: 2, layerCount: 1, fusion: .gated)
        let network = try DraftNetwork(configuration, .random(RandomSource(seed: 7)), embedding: ends.embedding)
        try network.write(folder: folder.file("."))
        return folder.file(".")
    }

    /// What plain decoding answers to a conversation.
    static func plainAnswer(
        _ messages: [(role: ChatRole, content: String)], maximumTokens: Int, sampling: SamplingRule = .greedy
    ) throws -> String {
        let pool = ThreadPool(threadCount: 1)
        let source = try ModelSource(path: path)
        let target = try TargetModel(source, arithmetic: nil, pool: pool)
        let (tokenizer, template) = (try source.tokenizer(), try source.template(TemplateChoice("auto")))
        let ends = AnswerEnds(configured: target.configuration.eosTokens, template: template, tokenizer: tokenizer)
        let prompt = try DialogueEncoder(template, tokenizer).prompt(
            messages.map { ChatMessage(role: $0.role, content: $0.content) })
        let decoded = try PlainDecoder(target: target, sampling: sampling, pool: pool)
            .decode(prompt, stop: StopRule(endTokens: ends.tokens, maximumTokens: maximumTokens))
        return tokenizer.decode(decoded.tokens, skippingSpecial: true)
    }
}
