/// Who says a message. Any name is allowed, since templates of some models know more than these three.
package struct ChatRole: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let name: String

    package init(_ name: String) {
        self.name = name
    }

    package init(stringLiteral name: String) {
        self.name = name
    }

    package static let system: ChatRole = "system"
    package static let user: ChatRole = "user"
    package static let assistant: ChatRole = "assistant"

    package var description: String { name }
}

/// One message of a dialogue.
package struct ChatMessage: Sendable, Equatable {
    package let role: ChatRole
    package let content: String

    package init(role: ChatRole, content: String) {
        self.role = role
        self.content = content
    }
}

/// A dialogue as text, and which parts of it the assistant says.
package struct RenderedChat: Sendable, Equatable {
    package let text: String
    /// What a target model would generate, end of turn included, as ranges of UTF-8 bytes of `text`.
    package let assistantSpans: [Range<Int>]
}
