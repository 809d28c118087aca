import FalconModels
import FalconTokenizer

/// A conversation ready for the target: tokens and the mask of those that the assistant says.
struct Conversation: Sendable {
    let id: String
    let tokens: [Int32]
    let lossMask: [UInt8]
    /// Whether tokens beyond the greatest length were cut off.
    let isTruncated: Bool
}

/// Why a conversation is left out. The words are counted, so they name kinds, not single conversations.
enum Rejection: Error, Equatable {
    /// It is of no use for training.
    case skipped(String)
    /// It should have worked.
    case failed(String)
}

/// Turns dialogues into tokens: template, tokenizer, cut.
struct ConversationEncoder: Sendable {
    let template: ChatTemplate
    let tokenizer: Tokenizer
    /// Of the target model; its embedding has no rows beyond.
    let vocabularySize: Int
    let maxLength: Int

    /// - Throws: `Rejection`.
    func encode(_ dialogue: Dialogue) throws(Rejection) -> Conversation {
        if let tokenized = dialogue.tokenized {
            return try conversation(dialogue.id, tokenized.ids, tokenized.lossMask)
        }
        let encoded: (ids: [Int32], lossMask: [UInt8])
        do {
            encoded = try template.encode(dialogue.messages, tokenizer)
        } catch {
            throw .skipped("the template has no form for it")
        }
        return try conversation(dialogue.id, encoded.ids, encoded.lossMask)
    }

    /// Checks tokens and cuts them.
    private func conversation(
        _ id: String, _ ids: [Int32], _ lossMask: [UInt8]
    ) throws(Rejection) -> Conversation {
        guard let highest = ids.max() else { throw .skipped("it has no tokens") }
        guard lossMask.contains(1) else { throw .skipped("the assistant says nothing") }
        guard highest < vocabularySize else { throw .failed("it has a token that the target does not know") }
        let length = min(ids.count, maxLength)
        guard lossMask.prefix(length).contains(1) else {
            throw .skipped("the assistant says nothing within the greatest length")
        }
        return Conversation(
            id: id, tokens: Array(ids.prefix(length)),
            lossMask: Array(lossMask.prefix(length)),
            isTruncated: length < ids.count)
    }
}
