import Foundation
import Synchronization

/// Files and folders of this process that have their names only when they are whole: a process that is told to end at
/// once removes them. It is the process's own state, as signals are.
package enum UnfinishedFiles {
    private static let state = Mutex((paths: Set<String>(), isEnding: false))

    /// A file or folder is now written under this temporary name. Does not return once the process ends.
    package static func begin(_ path: String) {
        let mayGoOn = state.withLock { state in
            if !state.isEnding { state.paths.insert(path) }
            return !state.isEnding
        }
        while !mayGoOn { Thread.sleep(forTimeInterval: 1) }
    }

    /// It has its own name now, or is gone.
    package static func end(_ path: String) { _ = state.withLock { $0.paths.remove(path) } }

    /// Removes what is there of them. The process ends after it.
    package static func removeAll() {
        for path in state.withLock({ $0.paths }) { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Leaves nothing behind where one thread's failure ends the process while others are still writing: lets those
    /// finish for a moment, begins no more, and removes what is left. The process ends after it.
    package static func settle() {
        state.withLock { $0.isEnding = true }
        let limit = Date(timeIntervalSinceNow: 1)
        while !state.withLock({ $0.paths.isEmpty }), Date() < limit { Thread.sleep(forTimeInterval: 0.002) }
        removeAll()
    }
}
