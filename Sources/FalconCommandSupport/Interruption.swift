import Dispatch
import FalconTensor
import Foundation
import Synchronization

/// Ctrl-C and SIGTERM as a flag that long work polls between items, so that only whole files are left.
///
/// The first signal asks the work to stop; a second one, half a second later or more, ends the process at once
/// (`timeout` and some shells send one request as two signals). Listening starts when the object
/// is made; a command that makes none keeps the system's default.
package final class Interruption: @unchecked Sendable {
    private let requested = Atomic<Bool>(false)
    /// Nanoseconds of the system's uptime at the first signal.
    private let requestedAt = Atomic<UInt64>(0)
    private var sources: [any DispatchSourceSignal] = []

    package init() {
        SystemMemory.requireThread()
        for number in [SIGINT, SIGTERM] {
            // The default action must go, or the process is gone before the source is told.
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak self] in
                guard let self else { return }
                let now = DispatchTime.now().uptimeNanoseconds
                if !requested.exchange(true, ordering: .relaxed) {
                    requestedAt.store(now, ordering: .relaxed)
                } else if now - requestedAt.load(ordering: .relaxed) > 500_000_000 {
                    _exit(128 + number)
                }
            }
            source.activate()
            sources.append(source)
        }
    }

    deinit {
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM] { _ = signal(number, SIG_DFL) }
    }

    /// Whether somebody asked the work to stop.
    package var isRequested: Bool { requested.load(ordering: .relaxed) }

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
