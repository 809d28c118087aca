import Foundation
import Synchronization

/// Memory from the system, where nothing can go on without it: a refusal ends the process, by the handler that a
/// command sets, else by a trap.
package enum SystemMemory {
    private static let handler = Mutex<(@Sendable (Int) -> Never)?>(nil)

    /// Has refusals end the process by `handler`, which gets the number of bytes that were asked for and must not
    /// take memory. Without one they trap: a library leaves the words to its program.
    package static func whenRefused(_ handler: @escaping @Sendable (Int) -> Never) {
        self.handler.withLock { $0 = handler }
    }

    /// Ends the process unless so many bytes more can be had now: asked before what would wait for them without end.
    package static func require(_ byteCount: Int) {
        guard let probe = unsafe map(byteCount) else { refused(byteCount) }
        unsafe munmap(probe, byteCount)
    }

    /// The same for a thread's stack: one that does not start is not reported, and whoever waits for it waits forever.
    package static func requireThread() { require(16 << 20) }

    /// Bytes at a multiple of `alignment`, their contents undefined; `free` gives them back.
    static func allocate(_ byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer {
        var base: UnsafeMutableRawPointer?
        guard unsafe posix_memalign(&base, alignment, byteCount) == 0, let base = unsafe base else {
            refused(byteCount)
        }
        return unsafe base
    }

    /// Whole pages of zeros; nil where the system refuses them.
    static func map(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        let base = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        return unsafe base == MAP_FAILED ? nil : base
    }

    /// Ends the process because so many bytes were refused.
    static func refused(_ byteCount: Int) -> Never {
        if let handler = handler.withLock({ $0 }) { handler(byteCount) }
        preconditionFailure("the system has no memory left for \(byteCount) more bytes")
    }
}
