import FalconJSON
import Foundation

/// What a template writes around a user's turn.
package struct UserTurnFrame: Sendable, Equatable {
    /// All that stands before the user's own words, from the dialogue's start.
    package let before: String
    /// What ends them, without white space around it: "<|im_end|>", "[/INST]"; empty where the template writes nothing
    /// behind them.
    package let end: String
}

extension ChatTemplate {
    /// What stands around the user's turn that follows some messages. Found by writing a turn whose words stand
    /// nowhere else.
    ///
    /// - Throws: `TokenizerError` where the template does not write a user's words as they are, `DialogueRefusal`
    ///   where it has no form for the messages.
    package func userTurnFrame(after messages: [ChatMessage]) throws -> UserTurnFrame {
        var words = "Falconusersturn"
        while messages.contains(where: { $0.content.contains(words) }) { words += "x" }
        let asked = messages + [ChatMessage(role: .user, content: words)]
        let prompted = try prompt(asked).components(separatedBy: words)
        guard prompted.count == 2 else {
            throw TokenizerError(
                "the chat template",
                "(\(origin)) writes a user's words \(prompted.count - 1) times, not once: where a user's turn "
                    + "begins cannot be told, so that the target cannot write one")
        }
        let alone = text(asked, JSONObject())?.components(separatedBy: words).last ?? ""
        // Some templates end a user's turn only with the beginning of the answer.
        let ends = [alone, prompted[1]].map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
        return UserTurnFrame(before: prompted[0], end: ends.first { !$0.isEmpty } ?? "")
    }
}
