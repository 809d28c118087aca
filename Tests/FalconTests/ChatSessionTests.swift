import FalconDecoding
import FalconTestSupport
import FalconTokenizer
import Testing

@testable import Falcon

@Suite struct ChatSessionTests {
    @Test func `answers are plain decoding's, turn by turn`() async throws {
        let model = try await FrontDoor.model()
        let chat = ChatSession(model, options: .init(maximumTokens: 20))
        let first = try await chat.respond(to: "What is 12 plus 7?")
        #expect(first == (try FrontDoor.plainAnswer([(.user, "What is 12 plus 7?")], maximumTokens: 20)))
        var streamed = ""
        for try await piece in chat.streamResponse(to: "And twice that?") { streamed += piece }
        let conversation: [(role: ChatRole, content: String)] = [
            (.user, "What is 12 plus 7?"), (.assistant, first), (.user, "And twice that?"),
        ]
        #expect(streamed == (try FrontDoor.plainAnswer(conversation, maximumTokens: 20)))
        #expect(chat.messages.map(\.content) == conversation.map(\.content) + [streamed])
        #expect(chat.lastSummary.map { $0.generatedTokens > 0 } == true)
    }

    @Test func `drawn answers are plain decoding's with the seed`() async throws {
        let model = try await FrontDoor.model()
        let options = GenerationOptions(maximumTokens: 16, temperature: 0.9, topP: 0.9, seed: 11)
        let answer = try await ChatSession(model, options: options).respond(to: "Hello")
        let rule = SamplingRule(temperature: 0.9, topP: 0.9, seed: 11)
        #expect(answer == (try FrontDoor.plainAnswer([(.user, "Hello")], maximumTokens: 16, sampling: rule)))
    }

    @Test func `an answer that is broken off leaves no trace`() async throws {
        let model = try await FrontDoor.model()
        let chat = ChatSession(model, instructions: "Be brief.", options: .init(maximumTokens: 60))
        for try await _ in chat.streamResponse(to: "Tell me a story.") { break }
        #expect(chat.messages.map(\.role) == [.system])
        let held = chat.streamResponse(to: "Hello")
        await #expect(throws: FalconError.self) { _ = try await chat.respond(to: "And?") }
        var answer = ""
        for try await piece in held { answer += piece }
        #expect(chat.messages.map(\.role) == [.system, .user, .assistant] && chat.messages.last?.content == answer)
    }
}
