import FalconTestSupport
import Foundation
import Testing

@testable import Falcon

@Suite struct LanguageModelTests {
    private func whole(
        _ stream: AsyncThrowingStream<Generation, any Error>
    ) async throws -> (text: String, tokens: [GeneratedText.Token], summary: GenerationSummary) {
        var (text, tokens, summary) = ("", [GeneratedText.Token](), GenerationSummary?.none)
        for try await part in stream {
            #expect(summary == nil, "something follows the end")
            if case .text(let piece) = part {
                text += piece.text
                tokens += piece.tokens
            }
            summary = part.summary ?? summary
        }
        return (text, tokens, try #require(summary))
    }

    @Test func `texts in company are the same as alone, drawn ones and those with a head too`() async throws {
        let folder = try TemporaryFolder()
        let model = try await FrontDoor.model(maximumTexts: 3)
        let head = try await DraftHead.load(try FrontDoor.writeHead(into: folder), for: model, tree: "small")
        let prompts = ["What is", "Tell me a story about", "1 + 1 =", "The weather", "What is 12 plus", "A list:"]
        let options = prompts.indices.map {
            GenerationOptions(maximumTokens: 8 + 5 * $0, temperature: $0 % 3 == 2 ? 0.8 : 0, topK: 30, seed: UInt64($0))
        }
        var alone: [String] = []
        for (prompt, options) in zip(prompts, options) {
            let one = try await whole(model.generate(prompt, options: options))
            #expect(one.tokens.map(\.text).joined() == one.text && one.tokens.count == one.summary.generatedTokens)
            #expect(one.summary.generatedTokens <= options.maximumTokens)
            alone.append(one.text)
        }
        let together = try await withThrowingTaskGroup(of: (Int, String, Bool).self) { group in
            for (index, prompt) in prompts.enumerated() {
                group.addTask {
                    let plain = try await self.whole(model.generate(prompt, options: options[index]))
                    return (index, plain.text, plain.summary.acceptedDraftTokens == 0)
                }
                // Drawn texts have the same distribution with a head, not the same tokens.
                guard options[index].temperature == 0 else { continue }
                group.addTask {
                    let drafted = try await self.whole(
                        model.generate(prompt, drafting: head, options: options[index]))
                    return (index, drafted.text, true)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(together.count == 10)
        for (index, text, isRight) in together { #expect(text == alone[index] && isRight) }
    }

    @Test func `a stop text ends a text and is not part of it`() async throws {
        let model = try await FrontDoor.model()
        let all = try await whole(model.generate("What is", options: .init(maximumTokens: 24)))
        let middle = all.text.dropFirst(all.text.count / 2).prefix(3)
        let stopped = try await whole(
            model.generate("What is", options: .init(maximumTokens: 24, stop: ["never to be seen", String(middle)])))
        let end = try #require(all.text.range(of: middle)).lowerBound
        #expect(stopped.text == String(all.text[..<end]))
        #expect(stopped.summary.finishReason == .stopText)
        #expect(stopped.tokens.map(\.text).joined() == stopped.text)
        #expect(stopped.summary.generatedTokens == stopped.tokens.count)
    }

    @Test func `a stream that nobody reads any more ends its text`() async throws {
        let model = try await FrontDoor.model()
        for try await _ in model.generate("What is", options: .init(maximumTokens: 400)) { break }
        let task = Task {
            for try await _ in model.generate("1 + 1 =", options: .init(maximumTokens: 400)) {}
        }
        task.cancel()
        _ = try? await task.value
        // Other texts go on, and nothing is left behind them.
        _ = try await whole(model.generate("The", options: .init(maximumTokens: 4)))
        let isIdle = await withCheckedContinuation { continuation in
            model.thread.perform { continuation.resume(returning: $0.isIdle) }
        }
        #expect(isIdle)
    }

    @Test func `wrong input is said in one line`() async throws {
        let model = try await FrontDoor.model()
        let folder = try TemporaryFolder()
        func problem(_ work: () async throws -> Void) async -> String {
            do { try await work() } catch { return "\(error)" }
            return "nothing"
        }
        let missing = await problem { _ = try await LanguageModel.load(folder.file("none")) }
        #expect(missing.contains("none") && !missing.contains("\n"))
        let threads = await problem { _ = try await LanguageModel.load(FrontDoor.path, options: .init(threads: 0)) }
        #expect(threads.contains("threads is 0"))
        for (options, word) in [
            (GenerationOptions(maximumTokens: 0), "maximumTokens"), (.init(temperature: -1), "temperature"),
            (.init(temperature: .nan), "temperature"), (.init(topK: -1), "topK"), (.init(topP: 0), "topP"),
            (.init(stop: [""]), "stop"),
        ] {
            let line = await problem { _ = try await self.whole(model.generate("A", options: options)) }
            #expect(line.contains(word))
        }
        #expect(await problem { _ = try await self.whole(model.generate("")) }.contains("empty"))
        let long = String(repeating: "word ", count: model.contextLength + 1)
        #expect(await problem { _ = try await self.whole(model.generate(long)) }.contains("context"))
        let head = try FrontDoor.writeHead(into: folder)
        for tree in ["dynamic", "dynamic:4", "smal", "chain:0"] {
            #expect(await problem { _ = try await DraftHead.load(head, for: model, tree: tree) }.contains(tree))
        }
        for tree in ["small", "chain:0", "chain:99"] {
            #expect(await problem { _ = try await DraftHead.lookup(for: model, tree: tree) }.contains(tree))
        }
        let other = try await FrontDoor.model()
        let loaded = try await DraftHead.load(head, for: other)
        let foreign = await problem { _ = try await self.whole(model.generate("A", drafting: loaded)) }
        #expect(foreign.contains("another model"))
    }

    @Test func `a text goes on where its model was let go`() async throws {
        var model: LanguageModel? = try await FrontDoor.model()
        let stream = try #require(model).generate("What is", options: .init(maximumTokens: 12))
        model = nil
        let result = try await whole(stream)
        #expect(result.summary.generatedTokens > 0)
    }
}
