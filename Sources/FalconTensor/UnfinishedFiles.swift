import Foundation
import Synchronization

/// Files and folders of this process that have their names only when they are whole: a process that is told to end at
/// once removes them. It is the process's own state, as signals are.
package enum UnfinishedFiles {
    private static let paths = Mutex<Set<String>>([])

    /// A file or folder is now written under this temporary name.
    package static func begin(_ path: String) { _ = paths.withLock { $0.insert(path) } }

    /// It has its own name now, or is gone.
    package static func end(_ path: String) { _ = paths.withLock { $0.remove(path) } }

    /// Removes what is there of them. The process ends after it.
    package static func removeAll() {
        for path in paths.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
    }
}
