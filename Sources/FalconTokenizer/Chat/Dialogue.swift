/// A dialogue, or a question to be answered, of a data set.
package struct Dialogue: Sendable, Equatable {
    /// The set's own name for it, or "row-N" with N counted from 0.
    package let id: String
    /// In order. A set of questions has the user's turns only: the answers are what a model is asked for.
    package let messages: [ChatMessage]
    /// What kind of question it is, where the set says so.
    package let category: String?

    package init(id: String, messages: [ChatMessage], category: String? = nil) {
        self.id = id
        self.messages = messages
        self.category = category
    }
}
