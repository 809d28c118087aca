import FalconJSON
import FalconTestSupport
import Testing

@testable import Falcon
@testable import FalconServer

/// `logprobs` as OpenAI's clients read them.
@Suite struct CompletionScoreTests {
    private func served() async throws -> ServedModel {
        let model = try await LanguageModel.load(
            Fixtures.repository + "/Checkpoints/target", options: .init(threads: 2))
        return ServedModel(name: "m", model: model, head: nil, created: 1)
    }

    private func answer(_ served: ServedModel, _ members: String, isChat: Bool) throws -> Completion {
        if isChat {
            let messages = #""messages": [{"role": "user", "content": "What is 12 plus 7?"}]"#
            return try served.answer(
                ChatCompletionRequest(Array(#"{"model": "m", \#(messages), \#(members)}"#.utf8)), id: "c", now: 5)
        }
        return try served.answer(
            CompletionRequest(Array(#"{"model": "m", "prompt": "What is", \#(members)}"#.utf8)), id: "c", now: 5)
    }

    /// The choices of a stream's events.
    private func choices(_ completion: Completion) async throws -> [JSONValue] {
        var choices: [JSONValue] = []
        for try await event in completion.events() where event != "[DONE]" {
            choices += try JSONParser.parse(Array(event.utf8))["choices"]?.array ?? []
        }
        return choices
    }

    @Test func `a chat tells each token of its text with the likeliest ones, whole and streamed`() async throws {
        let served = try await served()
        let members = #""temperature": 0, "max_tokens": 30, "logprobs": true, "top_logprobs": 2"#
        let whole = try await answer(served, members, isChat: true).whole()
        let choice = try #require(whole["choices"]?.array?.first)
        let content = try #require(choice["logprobs"]?["content"]?.array)
        let bytes = content.flatMap { $0["bytes"]?.array ?? [] }.compactMap { $0.integer.map { UInt8($0) } }
        #expect(String(decoding: bytes, as: UTF8.self) == choice["message"]?["content"]?.string)
        #expect(!content.isEmpty)
        for token in content {
            let top = try #require(token["top_logprobs"]?.array)
            // Greedy: the token is the likeliest.
            #expect(top.count == 2 && top[0]["token"] == token["token"] && top[0]["logprob"] == token["logprob"])
            #expect(try #require(top[1]["logprob"]?.double) <= #require(token["logprob"]?.double))
            #expect(try #require(token["logprob"]?.double) <= 0)
        }
        let streamed = try await choices(answer(served, members + #", "stream": true"#, isChat: true))
        #expect(streamed.flatMap { $0["logprobs"]?["content"]?.array ?? [] } == content)
        let stops = #", "stop": ["\#(choice["message"]?["content"]?.string?.dropFirst(2).prefix(1) ?? "")"]"#
        let cut = try await answer(served, members + stops, isChat: true).whole()["choices"]?.array?.first
        let kept = try #require(cut?["logprobs"]?["content"]?.array)
        #expect(kept.count < content.count && kept == Array(content.prefix(kept.count)))
    }

    @Test func `a completion tells them in the older form`() async throws {
        let served = try await served()
        let members = #""temperature": 0, "max_tokens": 12, "logprobs": 3"#
        let choice = try await answer(served, members, isChat: false).whole()["choices"]?.array?.first
        let told = try #require(choice?["logprobs"])
        let text = try #require(choice?["text"]?.string)
        let tokens = try #require(told["tokens"]?.array).compactMap(\.string)
        #expect(tokens.joined() == text && told["token_logprobs"]?.array?.count == tokens.count)
        #expect(told["top_logprobs"]?.array?.allSatisfy { $0.object?.members.count == 3 } == true)
        var offset = 0
        for (token, place) in zip(tokens, told["text_offset"]?.array ?? []) {
            #expect(place.integer == offset)
            offset += token.unicodeScalars.count
        }
        let streamed = try await choices(answer(served, members + #", "stream": true"#, isChat: false))
        let offsets = streamed.flatMap { $0["logprobs"]?["text_offset"]?.array ?? [] }
        #expect(offsets == told["text_offset"]?.array)
    }

    @Test func `parts of characters are told as bytes, and what is impossible as a number`() throws {
        let scored = ScoredTokens(kind: .text, endTokens: [9]) { [[0xE2, 0x9C], [0x93], Array("ab".utf8)][$0] }
        func token(_ id: Int, _ text: String, _ value: Double) -> GeneratedText.Token {
            .init(id: id, text: text, draftDepth: 0, score: TokenScore(logProbability: value, alternatives: []))
        }
        let told = scored.json(
            [token(0, "", -1), token(1, "\u{2713}", -.infinity), token(2, "ab", -0.5), token(9, "", 0)], start: 4)
        #expect(told["tokens"] == .array([.string("bytes:\\xe2\\x9c"), .string("bytes:\\x93"), .string("ab")]))
        #expect(told["token_logprobs"] == .array([.number(-1), .number(-9999), .number(-0.5)]))
        #expect(told["text_offset"] == .array([.integer(4), .integer(4), .integer(5)]))
    }
}
