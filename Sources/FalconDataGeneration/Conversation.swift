import FalconModels
import FalconTensor
import FalconTokenizer

/// A conversation ready for the target: tokens and the mask of those that the assistant says.
struct Conversation: Sendable {
    let id: String
    let tokens: [Int32]
    let lossMask: [UInt8]
    /// Whether tokens beyond the greatest length were cut off.
    let isTruncated: Bool
    /// The target's, `[tokens, hidden]`, where the passes that made the tokens left them, with the states of the layers
    /// that are stored (`AuxiliaryLayers`).
    var features: Tensor?
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
    let dialogues: DialogueEncoder
    /// Of the target model; its embedding has no rows beyond.
    let vocabularySize: Int
    let maxLength: Int

    /// - Throws: `Rejection`.
    func encode(_ dialogue: Dialogue) throws(Rejection) -> Conversation {
        let encoded: EncodedDialogue
        do {
            encoded = try dialogues.encode(dialogue)
        } catch {
            throw .skipped((error as? DialogueRefusal)?.kind ?? "the template has no form for it")
        }
        if encoded.learnedAnswers == 0, !encoded.unlearned.isEmpty {
            throw .skipped(ConversationEncoder.reason(encoded.unlearned))
        }
        return try conversation(dialogue.id, encoded.ids, encoded.lossMask)
    }

    /// Why nothing is to be learned from a dialogue, though the assistant answers.
    private static func reason(_ unlearned: Set<RowRemark>) -> String {
        switch unlearned {
        case [.emptyAnswer]: "its answers are empty"
        case [.weightZero]: "its answers have the weight 0"
        case [.loneCall]: "its answers are tool_calls, which the template does not write"
        case [.lostThoughts]: "its answers have thoughts that the template leaves out"
        default: "none of its answers is to be learned"
        }
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
