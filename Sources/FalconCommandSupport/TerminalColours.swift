import Foundation

/// Whether standard output may be coloured.
package enum TerminalColours {
    /// Only on a terminal that knows colours, and not where the user asks for none (no-color.org).
    ///
    /// - Parameter environment: the process's.
    package static func areWanted(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        isTerminal: Bool = isatty(STDOUT_FILENO) == 1
    ) -> Bool {
        isTerminal && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }
}
