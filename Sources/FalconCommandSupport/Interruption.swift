import Dispatch
import FalconTensor
import Foundation
import Synchronization

/// Ctrl-C, SIGTERM and the end of the terminal (SIGHUP) as a flag that long work polls between items, so that only
/// whole files are left.
///
/// Where the process was started to outlive its terminal, as `nohup` does, SIGHUP stays ignored.
///
/// The first signal asks the work to stop; a second one, half a second later or more, ends the process at once
/// (`timeout` and some shells send one request as two signals). Listening starts when the object
/// is made; a command that makes none keeps the system's default.
package final class Interruption: Sendable {
    /// What the listening thread shares with the work.
    private final class Requests: Sendable {
        let isRequested = Atomic<Bool>(false)
        /// Nanoseconds of the system's uptime at the first signal.
        let requestedAt = Atomic<UInt64>(0)

        func hear(_ number: Int32) {
            let now = DispatchTime.now().uptimeNanoseconds
            if !isRequested.exchange(true, ordering: .relaxed) {
                requestedAt.store(now, ordering: .relaxed)
            } else if now - requestedAt.load(ordering: .relaxed) > 500_000_000 {
                UnfinishedFiles.removeAll()
                _exit(128 + number)
            }
        }
    }

    private let requests = Requests()
    private let listener: SignalListener

    /// - Parameter endsAtOnce: for work that polls nothing: the first signal ends the process, without leaving half a
    ///   file.
    package init(endsAtOnce: Bool = false) {
        let requests = requests
        let numbers = [SIGINT, SIGTERM] + (ProcessSignals.isIgnored(SIGHUP) ? [] : [SIGHUP])
        listener = SignalListener(numbers) { number in
            if endsAtOnce {
                UnfinishedFiles.removeAll()
                StandardError.print("interrupted; nothing half-done is left")
                _exit(128 + number)
            }
            requests.hear(number)
        }
    }

    /// Whether somebody asked the work to stop.
    package var isRequested: Bool { requests.isRequested.load(ordering: .relaxed) }

    /// - Throws: `Interrupted` where somebody asked the work to stop.
    package func check() throws {
        if isRequested { throw Interrupted() }
    }
}

/// The work was stopped from outside, between two items.
package struct Interrupted: Error, CustomStringConvertible {
    package init() {}

    package var description: String { "interrupted; what was finished is kept" }
}
