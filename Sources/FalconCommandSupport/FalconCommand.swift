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
    ///
    /// - Parameter arguments: those behind the name of the command.
    package static func launch(_ arguments: [String] = Array(CommandLine.arguments.dropFirst())) -> Never {
        Descriptor.fillStandardOnes()
        CommandProcess.explainFailures()
        ProcessSignals.letWritesFail()
        do {
            do {
                if arguments == [ManualPage.option] {
                    try StandardOutput.write(try ManualPage(help: _dumpHelp(), version: falconVersion).text)
                    try StandardOutput.finish()
                    Foundation.exit(EXIT_SUCCESS)
                }
                let values = OptionValues(help: _dumpHelp())
                var command = try parseAsRoot(values.joined(arguments))
                try command.run()
            } catch {
                // The parser owns help, version and usage errors; all others are ours.
                let code = exitCode(for: error)
                guard code != .failure else { throw error }
                let message = fullMessage(for: error)
                if code.isSuccess {
                    try StandardOutput.print(message)
                } else {
                    if !message.isEmpty { StandardError.print(message) }
                    Foundation.exit(code.rawValue)
                }
            }
            try StandardOutput.finish()
            Foundation.exit(EXIT_SUCCESS)
        } catch is ReaderGone {
            // Whoever closes a pipe early has what it wanted, as `head` does.
            Foundation.exit(EXIT_SUCCESS)
        } catch is SilentFailure {
            UnfinishedFiles.settle()
            Foundation.exit(EXIT_FAILURE)
        } catch {
            StandardError.print("\(_commandName): \(ErrorLine.text(of: error))")
            UnfinishedFiles.settle()
            Foundation.exit(EXIT_FAILURE)
        }
    }
}

/// A failure that was told already, by this process or by another rank.
package struct SilentFailure: Error {
    package init() {}
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
        let shown = VisibleText.shown(String(line.unicodeScalars.prefix(longest)), keepsLines: false)
        return shown + (line.unicodeScalars.count > longest ? " ..." : "")
    }
}
