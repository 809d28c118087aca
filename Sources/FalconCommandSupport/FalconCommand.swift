import ArgumentParser
import Foundation

/// A command whose failures end in one line on standard error.
///
/// Exit status: 0 done, 64 wrong usage (the parser's own words), 1 anything else. An executable's `main.swift` ends
/// with `TheCommand.launch()`; the command itself implements `run()` and throws.
package protocol FalconCommand: ParsableCommand {}

extension FalconCommand {
    /// Reads the process's arguments, runs the command (or the subcommand they name) and ends the process.
    package static func launch() -> Never {
        do {
            var command = try parseAsRoot()
            try command.run()
            exit()
        } catch {
            // The parser owns help, version and usage errors; all others are ours.
            if exitCode(for: error) != .failure { exit(withError: error) }
            StandardError.print("\(_commandName): \(ErrorLine.text(of: error))")
            Foundation.exit(EXIT_FAILURE)
        }
    }
}

/// Words an error for a person: always one line.
package enum ErrorLine {
    package static func text(of error: any Error) -> String {
        let words: String
        switch error {
        case let error as any LocalizedError: words = error.errorDescription ?? String(describing: error)
        case let error as CocoaError: words = error.localizedDescription
        default: words = String(describing: error)
        }
        return words.split(whereSeparator: \.isNewline).joined(separator: "; ")
    }
}

/// Where logs and progress go, so that standard output holds results alone.
package enum StandardError {
    package static func print(_ line: String) { write(line + "\n") }

    /// Writes text as it is: a progress bar has no end of line until it is done.
    package static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
