import Foundation

/// Keeps a folder to one process while the object lives. The system gives the lock back when the process ends, however
/// it does.
package final class FolderLock: Sendable {
    private let descriptor: Int32

    /// - Parameters:
    ///   - folder: an existing folder; the lock is the file `run.lock` in it.
    ///   - use: what the folder is for, in the message.
    /// - Throws: `FileError` where another process holds it.
    package init(_ folder: String, use: String) throws {
        let path = folder + "/run.lock"
        guard let lock = try FolderLock.lock(path) else {
            throw FileError(folder, "another process \(use) here; wait until it has ended, or choose another folder")
        }
        descriptor = lock
    }

    /// Locks a file, made where it is missing; `nil` where another process holds it.
    ///
    /// - Throws: `FileError` where it cannot be made or locked.
    package init?(file: String) throws {
        guard let lock = try FolderLock.lock(file) else { return nil }
        descriptor = lock
    }

    private static func lock(_ path: String) throws -> Int32? {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError.system(path, "creating it") }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let isHeld = errno == EWOULDBLOCK
            let error = FileError.system(path, "locking it")
            close(descriptor)
            guard isHeld else { throw error }
            return nil
        }
        return descriptor
    }

    deinit { close(descriptor) }
}
