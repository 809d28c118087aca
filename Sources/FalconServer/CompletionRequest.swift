import Falcon
import FalconJSON

/// The body of `POST /v1/completions`.
package struct CompletionRequest: Sendable, Equatable {
    package let fields: GenerationFields
    /// What is continued, each on its own.
    package let prompts: [Prompt]

    /// A prompt as a client may give it.
    package enum Prompt: Sendable, Equatable {
        case text(String)
        case tokens([Int32])
    }

    /// The most prompts of one request.
    static let mostPrompts = 16

    /// - Parameter randomSeed: for a request without one.
    /// - Throws: `APIError` that names the member.
    package init(_ body: [UInt8], randomSeed: () -> UInt64 = { .random(in: 0 ... .max) }) throws {
        var fields = try RequestFields(body)
        prompts = try CompletionRequest.prompts(fields.value("prompt"))
        var generation = try GenerationFields(&fields, limits: ["max_tokens"], randomSeed: randomSeed)
        // OpenAI's own default of this older endpoint.
        if generation.isOpenEnded { generation.options.maximumTokens = 16 }
        // This older endpoint has a number here: how many alternatives.
        generation.options.scoredAlternatives = try fields.integer("logprobs", 0...5)
        self.fields = generation
        try fields.refuseUnsupported([
            ("suffix", [.string("")], "leave it out"),
            ("echo", [.boolean(false)], "leave it out"),
            ("best_of", [.integer(1), .integer(generation.count)], "leave it out; see 'n'"),
        ])
        try GenerationFields.refuseUnsupported(&fields)
        guard prompts.count * generation.count <= GenerationFields.mostAnswers else {
            throw APIError.invalid(
                "n",
                "is \(generation.count) for \(prompts.count) prompts: ask for \(GenerationFields.mostAnswers) "
                    + "answers in all at most")
        }
    }

    private static func prompts(_ value: JSONValue?) throws -> [Prompt] {
        guard let value else { throw APIError.invalid("prompt", "is missing") }
        if let text = value.string { return [.text(text)] }
        guard let array = value.array, !array.isEmpty else {
            throw APIError.invalid("prompt", "is \(value.kind) without text: give a string")
        }
        if array.allSatisfy({ $0.integer != nil }) { return [.tokens(try tokens(array))] }
        guard array.count <= mostPrompts else {
            throw APIError.invalid("prompt", "has \(array.count) texts: give \(mostPrompts) at most")
        }
        return try array.map { value in
            if let text = value.string { return .text(text) }
            guard let ids = value.array else { throw APIError.invalid("prompt", "holds \(value.kind): give strings") }
            return .tokens(try tokens(ids))
        }
    }

    private static func tokens(_ values: [JSONValue]) throws -> [Int32] {
        try values.map { value in
            guard let id = value.integer, let token = Int32(exactly: id), token >= 0 else {
                throw APIError.invalid("prompt", "holds \(value.text()), which is no token")
            }
            return token
        }
    }
}
