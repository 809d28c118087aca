internal import CFalconKernels
import Foundation

/// Memory from the system, where a refusal ends the process in one line and status 1 instead of a crash or an endless
/// wait. Nothing can go on without it, and files are written whole or not at all.
package enum SystemMemory {
    /// Has a command end in one line, too, where an allocation of Swift's own or a library's is refused. Called once,
    /// at its start.
    package static func explainRefusals() { falcon_explain_lost_memory() }

    /// Has the process end in one line unless so many bytes more can be had now: asked before what would wait for
    /// them without end.
    package static func require(_ byteCount: Int) {
        if falcon_memory_is_left(byteCount) == 0 { falcon_end_without_memory(byteCount) }
    }

    /// The same for a thread's stack: one that does not start is not reported, and whoever waits for it waits forever.
    package static func requireThread() { require(16 << 20) }

    /// Bytes at a multiple of `alignment`, their contents undefined; `free` gives them back.
    static func allocate(_ byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer {
        var base: UnsafeMutableRawPointer?
        guard unsafe posix_memalign(&base, alignment, byteCount) == 0, let base = unsafe base else {
            falcon_end_without_memory(byteCount)
        }
        return unsafe base
    }

    /// Whole pages of zeros; nil where the system refuses them.
    static func map(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        let base = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        return unsafe base == MAP_FAILED ? nil : base
    }

    static func refused(_ byteCount: Int) -> Never { falcon_end_without_memory(byteCount) }
}
