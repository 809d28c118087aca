internal import CFalconProcess
import FalconTensor
import Foundation

/// What a command does to its own process, and a library must not: handlers of signals, and the one line where the
/// process cannot go on.
enum CommandProcess {
    /// Has failures that no error reports end the process in one line with status 1: memory that the system refuses,
    /// to us or inside a library, and a mapped file that is cut off while it is read. Called once, at the start.
    static func explainFailures() {
        unsafe falcon_start_with_fitting_blas(CommandLine.unsafeArgv)
        falcon_guard_mapped_pages()
        falcon_explain_memory_refusals()
        SystemMemory.whenRefused { falcon_end_without_memory($0) }
    }
}

/// Signals as the process found them.
enum ProcessSignals {
    /// Whether whoever started the process asked it to go on through a signal, as `nohup` does for SIGHUP.
    static func isIgnored(_ number: Int32) -> Bool { falcon_signal_is_ignored(number) != 0 }

    /// Lets a write to a reader that has gone fail, in place of ending the process without a word, and likewise one
    /// that meets a limit on the length of files.
    static func letWritesFail() {
        for number in [SIGPIPE, SIGXFSZ] { _ = signal(number, SIG_IGN) }
    }
}
