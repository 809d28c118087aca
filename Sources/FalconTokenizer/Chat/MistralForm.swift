/// How a Mistral template writes its turns. The versions differ in spaces and in what becomes of a system message, so
/// both are read from the model's own template.
package struct MistralForm: Sendable, Equatable {
    /// What becomes of a system message.
    package enum SystemPlace: Sendable {
        /// There is no form for it.
        case refused
        /// It stands in the first question, followed by an empty line.
        case firstQuestion
        /// The same in the last message, where that is a question.
        case lastQuestion
    }

    let opening: String
    let closing: String
    let answerOpening: String
    /// Behind the end-of-text token of an answer.
    let answerClosing: String
    let trimsQuestion: Bool
    let trimsAnswer: Bool
    let systemPlace: SystemPlace
    let hasBeginning: Bool

    /// As Mistral documents it: `<s>[INST] question [/INST] answer</s>`.
    static let documented = MistralForm(
        opening: "[INST] ", closing: " [/INST]", answerOpening: " ", answerClosing: "", trimsQuestion: false,
        trimsAnswer: false, systemPlace: .firstQuestion, hasBeginning: true)

    /// In words, for the reason why a template was taken.
    var words: String {
        let system =
            switch systemPlace {
            case .refused: "system messages refused"
            case .firstQuestion: "a system message in the first question"
            case .lastQuestion: "a system message in the last question"
            }
        return "questions as '\(opening)…\(closing)', answers as '\(answerOpening)…', \(system)"
    }
}

extension MistralForm {
    /// Reads the form from a template; `nil` where it is none that is known.
    init?(template: String) {
        guard template.contains("[INST]"), !template.contains("<<SYS>>"), !template.contains("[SYSTEM_PROMPT]"),
            let jinja = JinjaExpressions(template)
        else { return nil }
        var question: (opening: String, closing: String, trims: Bool)?
        var answer: (opening: String, closing: String, trims: Bool)?
        var place = SystemPlace.refused
        for expression in jinja.expressions {
            var parts = expression.parts
            let hasSystem = parts.contains { $0 == .code("system_message") }
            if hasSystem { parts.removeAll { $0 == .code("system_message") || $0 == .text("\n\n") } }
            switch (parts.first, parts.dropFirst().first, parts.dropFirst(2).first, parts.count) {
            case (.text(let opening)?, .code(let content)?, .text(let closing)?, 3) where opening.contains("[INST]"):
                guard closing.contains("[/INST]"), let trims = Self.trims(content) else { return nil }
                if let question, question != (opening, closing, trims) { return nil }
                question = (opening, closing, trims)
                guard hasSystem else { continue }
                if expression.tag.contains("loop.last") {
                    place = .lastQuestion
                } else if expression.tag.contains("loop.first") || expression.tag.contains("loop.index0") {
                    place = .firstQuestion
                } else {
                    return nil
                }
            default:
                guard let end = parts.firstIndex(of: .code("eos_token")), end > 0,
                    case .code(let content) = parts[end - 1], let trims = Self.trims(content)
                else { continue }
                // At most some text before the content and behind the token.
                var (opening, closing) = ("", "")
                if end == 2, case .text(let text) = parts[0] { opening = text } else if end != 1 { return nil }
                if parts.count == end + 2, case .text(let text) = parts[end + 1] {
                    closing = text
                } else if parts.count != end + 1 {
                    return nil
                }
                answer = (opening, closing, trims)
            }
        }
        guard let question, let answer else { return nil }
        self.init(
            opening: question.opening, closing: question.closing, answerOpening: answer.opening,
            answerClosing: answer.closing, trimsQuestion: question.trims, trimsAnswer: answer.trims, systemPlace: place,
            hasBeginning: jinja.expressions.contains { $0.parts == [.code("bos_token")] })
    }

    /// Whether a message's content is trimmed; `nil` where the code is something else than its content.
    private static func trims(_ code: String) -> Bool? {
        for content in ["message[content]", "message.content", "content"] {
            if code == content { return false }
            if [content + "|trim", content + ".strip()"].contains(code) { return true }
        }
        return nil
    }
}
