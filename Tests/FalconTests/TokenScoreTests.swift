import FalconDecoding
import FalconModels
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import Falcon

/// Probabilities of generated tokens against one pass over the whole text.
@Suite struct TokenScoreTests {
    private typealias Token = GeneratedText.Token

    private func tokens(
        _ model: LanguageModel, _ prompt: String, _ options: GenerationOptions, drafting head: DraftHead? = nil
    ) async throws -> [Token] {
        var tokens: [Token] = []
        for try await part in model.generate(prompt, drafting: head, options: options) {
            if case .text(let piece) = part { tokens += piece.tokens }
        }
        return tokens
    }

    /// What one pass says of a text's tokens.
    private func expected(_ model: LanguageModel, _ prompt: String, _ tokens: [Token]) throws -> [[Double]] {
        let pool = ThreadPool(threadCount: 1)
        let target = try TargetModel(ModelSource(path: FrontDoor.path), arithmetic: nil, pool: pool)
        let ids = model.tokens(of: prompt).map { Int32($0) }
        let all = ids + tokens.dropLast().map { Int32($0.id) }
        let features = target.forward(all, cache: target.makeCache(capacity: all.count), on: pool)
        let logits = target.logits(features.rows(ids.count - 1..<all.count), on: pool)
        return (0..<tokens.count).map { row in
            let sum = logits.logOfExponentialSum(row: row)
            let values = logits.row(row).map { Double($0) }
            let largest = values.max() ?? 0
            // The sum itself, in double precision.
            #expect(abs(sum - largest - log(values.reduce(0) { $0 + exp($1 - largest) })) < 1e-5)
            return values.map { $0 - sum }
        }
    }

    private func check(_ tokens: [Token], _ expected: [[Double]], count: Int) throws {
        #expect(tokens.count == expected.count)
        for (token, row) in zip(tokens, expected) {
            let score = try #require(token.score)
            #expect(score.logProbability == row[token.id])
            let best = row.enumerated().sorted { ($1.element, $0.offset) < ($0.element, $1.offset) }.prefix(count)
            #expect(score.alternatives.map(\.id) == best.map(\.offset))
            #expect(score.alternatives.map(\.logProbability) == best.map(\.element))
        }
    }

    @Test func `they are those of the rows that chose the tokens, alone, in company and with a head`() async throws {
        let folder = try TemporaryFolder()
        let model = try await FrontDoor.model()
        let head = try await DraftHead.load(FrontDoor.writeHead(into: folder), for: model, tree: "small")
        let greedy = GenerationOptions(maximumTokens: 20, scoredAlternatives: 3)
        var drawn = greedy
        (drawn.temperature, drawn.topK, drawn.seed) = (0.9, 30, 5)
        let (plain, random, drafted) = try await (
            tokens(model, "What is", greedy), tokens(model, "A list", drawn),
            tokens(model, "What is", greedy, drafting: head)
        )
        try check(plain, expected(model, "What is", plain), count: 3)
        try check(random, expected(model, "A list", random), count: 3)
        #expect(plain.map(\.id) == plain.compactMap { $0.score?.alternatives.first?.id })
        #expect(drafted.map(\.id) == plain.map(\.id) && drafted.map(\.score) == plain.map(\.score))
        async let one = tokens(model, "What is", greedy)
        async let two = tokens(model, "A list", drawn)
        async let three = tokens(model, "The weather", GenerationOptions(maximumTokens: 9))
        let together = try await (one, two, three)
        #expect(together.0 == plain && together.1 == random && together.2.allSatisfy { $0.score == nil })
    }

    @Test func `a long prompt and a text without alternatives are scored too`() async throws {
        let model = try await FrontDoor.model()
        let prompt = String(repeating: "One two three. ", count: 120)
        #expect(model.tokens(of: prompt).count > 600)
        let scored = try await tokens(model, prompt, GenerationOptions(maximumTokens: 4, scoredAlternatives: 0))
        try check(scored, expected(model, prompt, scored), count: 0)
    }

    @Test func `a stop text cuts tokens and scores alike`() async throws {
        let model = try await FrontDoor.model()
        var options = GenerationOptions(maximumTokens: 24, scoredAlternatives: 1)
        let all = try await tokens(model, "What is", options)
        let text = all.map(\.text).joined()
        options.stop = [String(text.dropFirst(text.count / 2).prefix(3))]
        let stopped = try await tokens(model, "What is", options)
        #expect(!stopped.isEmpty && stopped.count < all.count)
        #expect(stopped.map(\.id) == all.prefix(stopped.count).map(\.id))
        #expect(stopped.map(\.score) == all.prefix(stopped.count).map(\.score))
        #expect(text.hasPrefix(stopped.map(\.text).joined()))
    }

    @Test(arguments: [-1, 21]) func `too many alternatives are refused`(count: Int) async throws {
        let model = try await FrontDoor.model()
        await #expect(throws: FalconError.self) {
            _ = try await tokens(model, "A", GenerationOptions(scoredAlternatives: count))
        }
    }
}
