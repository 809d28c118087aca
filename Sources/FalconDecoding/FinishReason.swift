/// Why an answer ended.
package enum FinishReason: String, CaseIterable, Sendable {
    /// The model said so.
    case endToken = "end_token"
    /// A text appeared that was to end it.
    case stopText = "stop_text"
    /// It has as many tokens as were allowed.
    case length
    /// The model's context is full.
    case context

    /// - Parameters:
    ///   - tokens: the answer's.
    ///   - stop: the rule that it was decoded under, before the context made it stricter.
    package init(_ tokens: [Int32], stop: StopRule) {
        if let last = tokens.last, stop.endTokens.contains(last) {
            self = .endToken
        } else if stop.textual?.isCompleted(by: tokens) == true {
            self = .stopText
        } else {
            self = tokens.count >= stop.maximumTokens ? .length : .context
        }
    }

    /// For a person.
    package var words: String {
        switch self {
        case .endToken: "end token"
        case .stopText: "stop text"
        case .length: "greatest length"
        case .context: "full context"
        }
    }
}
