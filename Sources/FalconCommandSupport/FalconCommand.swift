import ArgumentParser
import FalconTensor
import Foundation

/// A command whose failures end in one line on standard error.
///
/// Exit status: 0 done, 64 wrong usage (the parser's own words), 1 anything else. An executable's `main.swift` ends
/// with `TheCommand.launch()`; the command itself implements `run()` and throws.
package protocol FalconCommand: ParsableCommand {}

extension FalconCommand {
    /// Reads the process's arguments, runs the command (or the subcommand they name) and ends the process.
    package static func launch() -> Never {
        MappedFile.explainLostPages()
        SystemMemory.explainRefusals()
        // A limit on the length of files then fails the write that meets it, as a full disk does.
        _ = signal(SIGXFSZ, SIG_IGN)
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

/// Words an error for a person: always one line, with nothing in it that a terminal would obey. Names and values from
/// a stranger's file are quoted in errors.
package enum ErrorLine {
    /// Longer lines are cut: a name may fill a whole file.
    private static let longest = 2000

    package static func text(of error: any Error) -> String {
        let words: String
        switch error {
        case let error as any LocalizedError: words = error.errorDescription ?? String(describing: error)
        case let error as CocoaError: words = error.localizedDescription
        default: words = String(describing: error)
        }
        let line = words.split(whereSeparator: \.isNewline).joined(separator: "; ")
        let shown = line.unicodeScalars.prefix(longest).map { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: "\\u{\(String(scalar.value, radix: 16))}"
            default: String(scalar)
            }
        }
        return shown.joined() + (line.unicodeScalars.count > longest ? " ..." : "")
    }
}

/// Where logs and progress go, so that standard output holds results alone.
package enum StandardError {
    package static func print(_ line: String) { write(line + "\n") }

    /// Writes text as it is: a progress bar has no end of line until it is done.
    package static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
