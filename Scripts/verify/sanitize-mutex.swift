import Foundation

/// In place of the standard library's `Mutex` in builds for the thread sanitizer (`sanitize.sh`): that one is
/// handed to a waiting thread by the kernel, which the sanitizer does not see, so that it takes what both threads did
/// under the lock for a race. It sees this lock.
@safe final class Mutex<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private nonisolated(unsafe) var value: Value

    init(_ value: sending Value) { unsafe self.value = value }

    func withLock<Result, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        lock.lock()
        defer { lock.unlock() }
        return try unsafe body(&value)
    }
}
