import FalconTensor
import Foundation

/// Where logs and progress go, so that standard output holds results alone.
///
/// What cannot be shown is dropped: a terminal that has gone away or a full disk under a log is no reason to end the
/// work that it tells of.
package enum StandardError {
    package static let isTerminal = isatty(STDERR_FILENO) == 1

    /// Prints a line; on a terminal with nothing in it that the terminal would obey.
    package static func print(_ line: String) {
        write((isTerminal ? VisibleText.shown(line, keepsLines: true) : line) + "\n")
    }

    /// Writes text as it is: a progress bar has no end of line until it is done.
    package static func write(_ text: String) {
        _ = Descriptor.write(Array(text.utf8), to: STDERR_FILENO, patience: 1)
    }
}

/// Where results go. What cannot be written is an error.
package enum StandardOutput {
    package static let isTerminal = isatty(STDOUT_FILENO) == 1

    /// Prints a line, or several; on a terminal with nothing in them that the terminal would obey.
    ///
    /// - Throws: as `write` does.
    package static func print(_ text: String = "") throws {
        try write((isTerminal ? VisibleText.shown(text, keepsLines: true) : text) + "\n")
    }

    /// Prints one JSON value.
    ///
    /// - Throws: as `write` does.
    package static func print(json text: String) throws {
        try write((isTerminal ? VisibleText.shownJSON(text) : text) + "\n")
    }

    /// Writes text as it is.
    ///
    /// - Throws: `ReaderGone` where nobody reads it any more, `FileError` where it cannot be written.
    package static func write(_ text: String) throws {
        let problem = Descriptor.write(Array(text.utf8), to: STDOUT_FILENO)
        if problem == EPIPE { throw ReaderGone() }
        if problem != 0 { throw FileError.system("standard output", "writing it", code: problem) }
    }

    /// Closes it: some disks say only then that they are full.
    static func finish() throws {
        // What a library printed through C's buffers, which closing the descriptor below them would lose.
        if fflush(nil) != 0, errno != EBADF { throw FileError.system("standard output", "writing it") }
        guard close(STDOUT_FILENO) != 0, errno != EBADF, errno != EINTR else { return }
        throw FileError.system("standard output", "closing it")
    }
}

/// The reader of standard output has closed it: there is nobody to write for, which is no failure.
package struct ReaderGone: Error, CustomStringConvertible {
    package var description: String { "standard output: its reader has closed it" }
}
