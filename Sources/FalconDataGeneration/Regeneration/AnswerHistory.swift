/// Which of a dialogue's earlier answers still stand in its prompt as they were given.
///
/// A template may write an answer otherwise once others follow it: without its thoughts, say. A draft head does not
/// learn from such a text, which the target never said in that place.
struct AnswerHistory {
    private var prompts: [String] = []
    private var answers: [(text: String, message: Int)] = []

    /// Takes the prompt of the next question.
    mutating func ask(_ prompt: String) { prompts.append(prompt) }

    /// Takes the answer to the newest prompt, and its place among the messages.
    mutating func answer(_ text: String, message: Int) { answers.append((text, message)) }

    /// Whether the answer at a place among the messages stands in the newest prompt as it was given.
    func isKept(_ message: Int) -> Bool {
        guard let index = answers.firstIndex(where: { $0.message == message }), let newest = prompts.last else {
            return true
        }
        let (before, now) = (Array(prompts[index].utf8), Array(newest.utf8))
        guard now.starts(with: before) else { return false }
        // Templates trim; what was generated may begin with white space.
        let rest = now[before.count...].drop { AnswerHistory.isSpace($0) }
        let said = Array(answers[index].text.utf8).drop { AnswerHistory.isSpace($0) }
        let end = said.lastIndex { !AnswerHistory.isSpace($0) }.map { $0 + 1 } ?? said.startIndex
        return rest.starts(with: said[..<end])
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
}
