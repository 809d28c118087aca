import FalconJSON
import Foundation

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

    /// Whether it gives the model its instructions.
    package var isSystem: Bool { self == .system || self == "developer" }
}

/// One message of a dialogue, with every member that its data set gives it.
package struct ChatMessage: Sendable, Equatable {
    /// The message as a template sees it: `role`, `content`, and what else there is (`tool_calls`,
    /// `reasoning_content`, `name`, ...), in order.
    package let fields: JSONObject
    /// Whether a draft head may learn from it, where it is the assistant's. Data sets take messages out with a weight
    /// of 0.
    package let isLearned: Bool

    package init(role: ChatRole, content: String) {
        var fields = JSONObject()
        fields.append("role", .string(role.name))
        fields.append("content", .string(content))
        self.init(fields)
    }

    package init(_ fields: JSONObject, isLearned: Bool = true) {
        (self.fields, self.isLearned) = (fields, isLearned)
    }

    package var role: ChatRole { ChatRole(fields["role"]?.string ?? "") }

    /// The text of it; empty where there is none.
    package var content: String {
        guard let parts = fields["content"]?.array else { return fields["content"]?.string ?? "" }
        return parts.compactMap { $0["text"]?.string ?? $0.string }.joined()
    }

    /// Calls of tools in it.
    package var toolCalls: [JSONValue] { fields["tool_calls"]?.array ?? [] }

    /// Whether the assistant says nothing at all with it.
    package var isEmpty: Bool {
        toolCalls.isEmpty && !ChatMessage.thoughts.contains { fields[$0]?.string?.isEmpty == false }
            && content.allSatisfy(\.isWhitespace)
    }

    /// What the model thought before the answer, in a member of its own or in the content; `nil` where there is none.
    package var thought: String? {
        if let member = ChatMessage.thoughts.compactMap({ fields[$0]?.string }).first(where: { !$0.isBlank }) {
            return member
        }
        guard let end = content.range(of: "</think>") else { return nil }
        var inner = content[..<end.lowerBound]
        if let start = inner.range(of: "<think>") { inner = inner[start.upperBound...] }
        return inner.isBlank ? nil : String(inner)
    }

    /// The names under which data sets keep what a model thought before an answer.
    package static let thoughts = ["reasoning_content", "thinking", "reasoning"]
}

extension StringProtocol {
    /// Nothing but white space.
    var isBlank: Bool { allSatisfy(\.isWhitespace) }
}
