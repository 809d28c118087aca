internal import FalconTokenizer
import Synchronization

/// A conversation with a ``LanguageModel``, by the model's own chat template.
///
/// ```swift
/// let chat = ChatSession(model, drafting: head, instructions: "Answer briefly.")
/// print(try await chat.respond(to: "What is 12 plus 7?"))
/// print(try await chat.respond(to: "And twice that?"))
/// ```
///
/// Questions are asked one at a time. The next turn goes on behind what the model has seen already, where its cache
/// still holds that.
public final class ChatSession: Sendable {
    /// What somebody said.
    public struct Message: Sendable, Equatable, Codable {
        /// Who speaks.
        public enum Role: String, Sendable, Codable {
            /// Instructions for the model.
            case system
            /// Whoever asks.
            case user
            /// The model.
            case assistant
        }

        /// Who says it.
        public let role: Role
        /// The text.
        public let content: String

        /// A message of somebody.
        public init(role: Role, content: String) { (self.role, self.content) = (role, content) }
    }

    private struct State {
        var messages: [Message]
        /// Names the answer that is being given.
        var answering: Int?
        var answers = 0
        var summary: GenerationSummary?
    }

    /// The model that answers.
    public let model: LanguageModel
    /// What drafts for it.
    public let head: DraftHead?
    /// How answers are generated.
    public let options: GenerationOptions
    private let state: Mutex<State>

    /// - Parameters:
    ///   - model: answers.
    ///   - head: drafts for it, which changes no greedy token, only the speed.
    ///   - instructions: a system message before the first question.
    ///   - messages: an earlier conversation to go on with.
    ///   - options: how answers are generated.
    public init(
        _ model: LanguageModel, drafting head: DraftHead? = nil, instructions: String? = nil,
        messages: [Message] = [], options: GenerationOptions = GenerationOptions()
    ) {
        (self.model, self.head, self.options) = (model, head, options)
        let system = instructions.map { [Message(role: .system, content: $0)] } ?? []
        state = Mutex(State(messages: system + messages))
    }

    /// The conversation so far: whole turns only.
    public var messages: [Message] { state.withLock(\.messages) }

    /// What the newest answer took; `nil` before the first one.
    public var lastSummary: GenerationSummary? { state.withLock(\.summary) }

    /// The whole answer to a question.
    ///
    /// - Throws: as ``streamResponse(to:)``; `CancellationError` where the task is cancelled.
    public func respond(to question: String) async throws -> String {
        var answer = ""
        for try await text in streamResponse(to: question) { answer += text }
        try Task.checkCancellation()
        return answer
    }

    /// The answer to a question, as it comes.
    ///
    /// Question and answer become part of the conversation once the answer is whole; one that is broken off, by
    /// cancelling the task that reads it or by leaving the loop, leaves no trace.
    ///
    /// - Returns: pieces of the answer. It throws a `FalconError` where the template has no form for the conversation,
    ///   the conversation does not fit the model's context, or another answer is being given.
    public func streamResponse(to question: String) -> AsyncThrowingStream<String, any Error> {
        do {
            let answer = try begin(question)
            return AsyncThrowingStream { try await answer.next() }
        } catch {
            return AsyncThrowingStream { $0.finish(throwing: error) }
        }
    }

    private func begin(_ question: String) throws -> Answer {
        let (number, messages) = try state.withLock { state in
            guard state.answering == nil else {
                throw FalconError("the session is answering already: wait for that, or use another session")
            }
            state.answers += 1
            state.answering = state.answers
            return (state.answers, state.messages + [Message(role: .user, content: question)])
        }
        do {
            let prompt = try model.chatPrompt(
                messages.map { ChatMessage(role: ChatRole($0.role.rawValue), content: $0.content) })
            let generation = model.generate(
                prompt, endTokens: model.loaded.answerEnds, drafting: head, options: options)
            return Answer(self, number, messages, generation)
        } catch {
            release(number)
            throw error
        }
    }

    /// Frees the session for the next question.
    private func release(_ number: Int) {
        state.withLock { state in
            if state.answering == number { state.answering = nil }
        }
    }

    /// An answer while it is read. The session is free for the next question once it is whole, or nobody holds it.
    private final class Answer: Sendable {
        private let session: ChatSession
        private let number: Int
        private let asked: [Message]
        private let generation: AsyncThrowingStream<Generation, any Error>
        private let text = Mutex("")

        init(
            _ session: ChatSession, _ number: Int, _ asked: [Message],
            _ generation: AsyncThrowingStream<Generation, any Error>
        ) {
            (self.session, self.number, self.asked, self.generation) = (session, number, asked, generation)
        }

        deinit { session.release(number) }

        /// The next piece. At the end question and answer become part of the conversation.
        func next() async throws -> String? {
            // Iterators of a stream go on where another one stopped.
            var iterator = generation.makeAsyncIterator()
            while let part = try await iterator.next() {
                if let piece = part.text, !piece.isEmpty {
                    text.withLock { $0 += piece }
                    return piece
                }
                guard let summary = part.summary else { continue }
                let answer = Message(role: .assistant, content: text.withLock { $0 })
                session.state.withLock { state in
                    state.messages = asked + [answer]
                    state.summary = summary
                }
                session.release(number)
            }
            return nil
        }
    }
}
