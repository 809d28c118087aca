import FalconTestSupport
import Testing

@testable import Falcon

/// Drafts without a network and trees that are chosen by measuring: the same texts, in company too.
@Suite struct DraftingTests {
    private struct Told: Equatable {
        var tokens: [Int] = []
        var accepted = 0
        var deepest = 0
    }

    private func told(
        _ model: LanguageModel, _ prompt: String, _ head: DraftHead?, _ options: GenerationOptions
    ) async throws -> Told {
        var told = Told()
        for try await part in model.generate(prompt, drafting: head, options: options) {
            if case .text(let piece) = part {
                told.tokens += piece.tokens.map(\.id)
                told.deepest = max(told.deepest, piece.tokens.map(\.draftDepth).max() ?? 0)
            }
            told.accepted = part.summary?.acceptedDraftTokens ?? told.accepted
        }
        return told
    }

    private static let prompts = [
        "one two three four one two three four one two three four one two", "What is 12 plus 7? 12 plus 7 is", "The",
    ]

    private static func options(_ number: Int, temperature: Double) -> GenerationOptions {
        GenerationOptions(maximumTokens: 40, temperature: temperature, topK: 40, seed: UInt64(number))
    }

    @Test(arguments: ["auto", "chain:6"])
    func `lookup changes no token, greedy or drawn, alone or in company`(tree: String) async throws {
        let model = try await FrontDoor.model(maximumTexts: 3)
        let head = try await DraftHead.lookup(for: model, tree: tree, measuring: 0.1)
        #expect(head.blockSize == 0 && head.treeName.contains("lookup") && (head.measured == nil) == (tree != "auto"))
        var plain: [[Int]] = []
        var accepted = 0
        for (number, prompt) in Self.prompts.enumerated() {
            for temperature in [0, 0.7] {
                let options = Self.options(number, temperature: temperature)
                plain.append(try await told(model, prompt, nil, options).tokens)
                let drafted = try await told(model, prompt, head, options)
                #expect(drafted.tokens == plain.last)
                #expect((drafted.accepted > 0) == (drafted.deepest > 0))
                accepted += drafted.accepted
            }
        }
        #expect(accepted > 0 || tree == "auto")
        let together = try await withThrowingTaskGroup(of: (Int, [Int]).self) { group in
            for (number, prompt) in Self.prompts.enumerated() {
                for (place, temperature) in [0, 0.7].enumerated() {
                    group.addTask {
                        let options = Self.options(number, temperature: temperature)
                        return (2 * number + place, try await self.told(model, prompt, head, options).tokens)
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for (number, tokens) in together { #expect(tokens == plain[number]) }
    }

    @Test func `a head's tree that is chosen by measuring changes no greedy token`() async throws {
        let folder = try TemporaryFolder()
        let model = try await FrontDoor.model(maximumTexts: 3)
        let head = try await DraftHead.load(
            FrontDoor.writeHead(into: folder), for: model, tree: "auto", measuring: 0.1)
        #expect(head.treeName == "auto" && head.measured?.hasPrefix("auto") == true && head.blockSize == 2)
        let drawn = Self.options(4, temperature: 0.8)
        let once = try await told(model, "The weather", head, drawn)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for (number, prompt) in Self.prompts.enumerated() {
                group.addTask {
                    let options = Self.options(number, temperature: 0)
                    return try await self.told(model, prompt, head, options).tokens
                        == self.told(model, prompt, nil, options).tokens
                }
            }
            // With one measuring the same seed draws the same tokens, whoever else asks.
            group.addTask { try await self.told(model, "The weather", head, drawn) == once }
            for try await isRight in group { #expect(isRight) }
        }
    }

    @Test(arguments: ["small", "auto"])
    func `lookup beside a head changes no greedy token, and what is drawn repeats in company`(tree: String) async throws
    {
        let folder = try TemporaryFolder()
        let model = try await FrontDoor.model(maximumTexts: 3)
        let head = try await DraftHead.load(
            FrontDoor.writeHead(into: folder), for: model, tree: tree, addingLookup: true, measuring: 0.1)
        #expect(head.treeName.hasSuffix(" + lookup") && head.blockSize == 2)
        var alone: [[Int]] = []
        var deepest = 0
        for (number, prompt) in Self.prompts.enumerated() {
            let greedy = Self.options(number, temperature: 0)
            let drafted = try await told(model, prompt, head, greedy)
            #expect(try await drafted.tokens == told(model, prompt, nil, greedy).tokens)
            deepest = max(deepest, drafted.deepest)
            alone += try await [
                drafted.tokens, told(model, prompt, head, Self.options(number, temperature: 0.7)).tokens,
            ]
        }
        // A head of random weights is right nowhere; the text itself is where it repeats.
        #expect(deepest > 0 || tree == "auto")
        try await withThrowingTaskGroup(of: (Int, [Int]).self) { group in
            for (number, prompt) in Self.prompts.enumerated() {
                for (place, temperature) in [0, 0.7].enumerated() {
                    group.addTask {
                        let options = Self.options(number, temperature: temperature)
                        return (2 * number + place, try await self.told(model, prompt, head, options).tokens)
                    }
                }
            }
            for try await (number, tokens) in group { #expect(tokens == alone[number]) }
        }
        let chat = ChatSession(model, drafting: head, options: .init(maximumTokens: 16))
        let plain = ChatSession(model, options: .init(maximumTokens: 16))
        #expect(try await chat.respond(to: "Hello") == plain.respond(to: "Hello"))
    }
}
