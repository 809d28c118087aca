import Falcon
import FalconJSON

/// Logarithms of probabilities as the two endpoints tell them. A token that ends the text is not told: it has no text.
struct ScoredTokens: Sendable {
    let kind: Completion.Kind
    let endTokens: Set<Int32>
    let bytesOf: @Sendable (Int) -> [UInt8]

    /// The member `logprobs` of an answer, or of a piece of it.
    ///
    /// - Parameter start: where in the answer's text the piece begins, in characters (Unicode scalars).
    func json(_ tokens: [GeneratedText.Token], start: Int) -> JSONValue {
        let tokens = tokens.filter { token in !endTokens.contains { Int($0) == token.id } }
        switch kind {
        case .chat:
            let content = tokens.map { token -> JSONValue in
                let alternatives = token.score?.alternatives ?? []
                let top = JSONValue.array(alternatives.map { .members(entry($0.id, $0.logProbability)) })
                return .members(entry(token.id, token.score?.logProbability) + [("top_logprobs", top)])
            }
            return .members([("content", .array(content)), ("refusal", .null)])
        case .text:
            var offset = start
            let offsets = tokens.map { token -> JSONValue in
                defer { offset += token.text.unicodeScalars.count }
                return .integer(offset)
            }
            let tops = tokens.map { token -> JSONValue in
                var object = JSONObject()
                for alternative in token.score?.alternatives ?? [] {
                    let name = name(of: bytesOf(alternative.id))
                    // Another spelling of the same bytes, which is less likely, has no place of its own here.
                    guard object[name] == nil else { continue }
                    object.append(name, number(alternative.logProbability))
                }
                return .object(object)
            }
            return .members([
                ("tokens", .array(tokens.map { .string(name(of: bytesOf($0.id))) })),
                ("token_logprobs", .array(tokens.map { number($0.score?.logProbability) })),
                ("top_logprobs", .array(tops)), ("text_offset", .array(offsets)),
            ])
        }
    }

    private func entry(_ id: Int, _ logProbability: Double?) -> [(String, JSONValue)] {
        let bytes = bytesOf(id)
        return [
            ("token", .string(name(of: bytes))), ("logprob", number(logProbability)),
            ("bytes", .array(bytes.map { .integer(Int($0)) })),
        ]
    }

    /// A token's text; as OpenAI has it `bytes:\xe2\x9c` for parts of characters.
    private func name(of bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        return "bytes:" + bytes.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// JSON has no infinity; OpenAI writes this for what is next to impossible.
    private func number(_ logProbability: Double?) -> JSONValue {
        guard let logProbability, logProbability > -9999 else { return .number(-9999) }
        return .number(logProbability)
    }
}
