import Falcon
import FalconTokenizer
import Foundation

/// The model that a server answers with, under the name that requests call it.
package final class ServedModel: Sendable {
    package let name: String
    package let model: LanguageModel
    package let head: DraftHead?
    /// The most tokens of prompt and answer together.
    package let context: Int
    /// Seconds since 1970 at which it was loaded.
    package let created: Int

    /// - Parameter context: the model's own where it is `nil` or greater.
    package init(name: String, model: LanguageModel, head: DraftHead?, context: Int? = nil, created: Int) {
        (self.name, self.model, self.head, self.created) = (name, model, head, created)
        self.context = min(context ?? .max, model.contextLength)
    }

    /// Begins to answer a chat.
    ///
    /// - Throws: `APIError` for another model, messages that the template has no form for, and a prompt too long.
    package func answer(_ request: ChatCompletionRequest, id: String, now: Int) throws -> Completion {
        try check(request.fields)
        let prompt: [Int32]
        do { prompt = try model.chatPrompt(request.messages, request.templateArguments) } catch {
            throw APIError.invalid("messages", "have no form in the model's chat template: \(error)")
        }
        return try completion(
            .chat, [prompt], request.fields, endTokens: model.answerEnds, parameter: "messages", id: id, now: now)
    }

    /// Begins to continue texts.
    ///
    /// - Throws: `APIError` for another model, tokens that it has not, and a prompt that is empty or too long.
    package func answer(_ request: CompletionRequest, id: String, now: Int) throws -> Completion {
        try check(request.fields)
        let prompts = try request.prompts.map { prompt in
            switch prompt {
            case .text(let text): return model.tokens(of: text).map { Int32($0) }
            case .tokens(let tokens):
                if let unknown = tokens.first(where: { $0 >= model.vocabularySize }) {
                    throw APIError.invalid(
                        "prompt", "holds token \(unknown): the vocabulary ends at \(model.vocabularySize - 1)")
                }
                return tokens
            }
        }
        return try completion(
            .text, prompts, request.fields, endTokens: model.textEnds, parameter: "prompt", id: id, now: now)
    }

    private func check(_ fields: GenerationFields) throws {
        guard fields.model == name else {
            throw APIError(
                404, "The model '\(fields.model)' does not exist: this server has '\(name)'", parameter: "model",
                code: "model_not_found")
        }
    }

    private func completion(
        _ kind: Completion.Kind, _ prompts: [[Int32]], _ fields: GenerationFields, endTokens: Set<Int32>,
        parameter: String, id: String, now: Int
    ) throws -> Completion {
        for prompt in prompts {
            guard !prompt.isEmpty else { throw APIError.invalid(parameter, "is empty: give at least one word") }
            guard prompt.count < context else {
                throw APIError.invalid(
                    parameter, "has \(prompt.count) tokens, the context ends at \(context): shorten it",
                    code: "context_length_exceeded")
            }
        }
        var choices: [Completion.Choice] = []
        for prompt in prompts {
            var options = fields.options
            options.maximumTokens = min(options.maximumTokens, context - prompt.count)
            for number in 0..<fields.count {
                // The first answer draws what `falcon-infer` draws with the seed.
                let generation = model.generate(
                    prompt, endTokens: endTokens, drafting: head, options: options,
                    stream: number == 0 ? nil : "choice \(number)")
                choices.append(.init(index: choices.count, generation: generation))
            }
        }
        return Completion(
            kind: kind, id: id, created: now, model: name, promptTokens: prompts.reduce(0) { $0 + $1.count },
            includesUsage: fields.includesUsage, tellsDraftDepths: fields.tellsDraftDepths,
            scored: fields.scoredAlternatives.map { _ in
                ScoredTokens(kind: kind, endTokens: endTokens) { [model] in model.bytes(of: $0) }
            }, choices: choices)
    }
}
