import FalconJSON

/// A dialogue, or a question to be answered, of a data set.
package struct Dialogue: Sendable, Equatable {
    /// The set's own name for it, or "row-N" with N counted from 0.
    package let id: String
    /// In order. A set of questions has the user's turns only: the answers are what a model is asked for.
    package let messages: [ChatMessage]
    /// What kind of question it is, where the set says so.
    package let category: String?
    /// The dialogue as tokens, where the set has it so; these count, not what a template makes of the messages.
    package let tokenized: TokenizedDialogue?
    /// What the row gives its template besides the messages: `tools`, `documents` and variables of its own.
    package let variables: JSONObject
    /// What a user should know about how the row was read.
    package let remarks: [RowRemark]

    package init(
        id: String, messages: [ChatMessage], category: String? = nil, tokenized: TokenizedDialogue? = nil,
        variables: JSONObject = JSONObject(), remarks: [RowRemark] = []
    ) {
        self.tokenized = tokenized
        self.id = id
        self.messages = messages
        self.category = category
        (self.variables, self.remarks) = (variables, remarks)
    }
}

/// A dialogue that somebody has made into tokens already.
package struct TokenizedDialogue: Sendable, Equatable {
    /// None negative.
    package let ids: [Int32]
    /// As long as `ids`, 1 on the assistant's tokens and 0 elsewhere.
    package let lossMask: [UInt8]
}
