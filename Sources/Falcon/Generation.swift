/// What a text that is being generated sends: pieces of it as they come, then once, at its end, what it took.
public enum Generation: Sendable, Equatable {
    /// Further text, with the tokens that brought it. Never ends inside a character.
    case text(GeneratedText)
    /// The text is complete.
    case finished(GenerationSummary)

    /// The text of a piece; `nil` at the end.
    public var text: String? {
        if case .text(let piece) = self { piece.text } else { nil }
    }

    /// What the text took; `nil` before its end.
    public var summary: GenerationSummary? {
        if case .finished(let summary) = self { summary } else { nil }
    }
}

/// A piece of a generated text: what one pass of the model added.
public struct GeneratedText: Sendable, Equatable {
    /// One token of it.
    public struct Token: Sendable, Equatable {
        /// Its number in the model's vocabulary.
        public let id: Int
        /// The text that is certain with it: a character that several tokens make comes with the last of them.
        public let text: String
        /// How deep in the draft it stood; 0 for a token of the model's own.
        public let draftDepth: Int
        /// What the model thinks of it, where ``GenerationOptions/scoredAlternatives`` asks for that.
        public let score: TokenScore?
    }

    /// The tokens in order.
    public let tokens: [Token]
    /// Their texts together; at the end of a text that breaks off inside a character, U+FFFD for what there is of it.
    public let text: String

    init(tokens: [Token], tail: String = "") {
        self.tokens = tokens
        text = tokens.map(\.text).joined() + tail
    }
}

/// What the model thinks of a token at its place, before temperature, top-k and top-p.
public struct TokenScore: Sendable, Equatable {
    /// A token that might have stood there.
    public struct Alternative: Sendable, Equatable {
        /// Its number in the model's vocabulary.
        public let id: Int
        /// The natural logarithm of its probability.
        public let logProbability: Double
    }

    /// The natural logarithm of the token's probability.
    public let logProbability: Double
    /// The likeliest tokens, the likeliest first; as many as were asked for.
    public let alternatives: [Alternative]
}

/// Why a text ended.
public enum FinishReason: String, Sendable, CaseIterable, Codable {
    /// The model said so, by a token that ends texts.
    case endToken
    /// One of `GenerationOptions.stop` appeared.
    case stopText
    /// It has as many tokens as were allowed.
    case length
    /// The model's context is full.
    case context
}

/// What a generated text took.
public struct GenerationSummary: Sendable, Equatable {
    /// Why it ended.
    public let finishReason: FinishReason
    /// Tokens of the prompt.
    public let promptTokens: Int
    /// Tokens of the text, an end token included.
    public let generatedTokens: Int
    /// Those of them that the draft proposed.
    public let acceptedDraftTokens: Int
    /// Tokens that were proposed and not taken, a pass's deepest path counted.
    public let rejectedDraftTokens: Int
    /// Passes of the model after the one over the prompt.
    public let targetPasses: Int
    /// Seconds until the first token.
    public let secondsToFirstToken: Double
    /// Seconds in all, waiting for room included.
    public let seconds: Double

    /// Accepted draft tokens a pass.
    public var acceptLength: Double { targetPasses > 0 ? Double(acceptedDraftTokens) / Double(targetPasses) : 0 }

    /// Tokens a second behind the first one.
    public var tokensPerSecond: Double {
        let (tokens, time) = (Double(generatedTokens - 1), seconds - secondsToFirstToken)
        return tokens > 0 && time > 0 ? tokens / time : 0
    }
}
