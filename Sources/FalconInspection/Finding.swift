/// One thing that an inspection noticed.
package struct Finding: Sendable, Equatable, Encodable {
    package enum Severity: String, Sendable, Encodable {
        /// Worth knowing; nothing is wrong.
        case note
        /// Something is wrong, or will compute something else than it seems to.
        case problem
    }

    package let severity: Severity
    /// One line.
    package let text: String

    package init(severity: Severity, text: String) {
        self.severity = severity
        self.text = text
    }

    package static func note(_ text: String) -> Finding { Finding(severity: .note, text: text) }

    package static func problem(_ text: String) -> Finding { Finding(severity: .problem, text: text) }

    package var line: String { "\(severity.rawValue): \(text)" }
}

extension [Finding] {
    package var problemCount: Int { count { $0.severity == .problem } }
}

/// Facts under each other, their names padded to one width.
package enum FactTable {
    package static func lines(_ facts: [(name: String, value: String)]) -> [String] {
        let width = facts.map(\.name.count).max() ?? 0
        return facts.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + value
        }
    }
}
