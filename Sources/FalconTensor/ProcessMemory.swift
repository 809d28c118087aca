internal import CFalconKernels
import Foundation

/// What the operating system says of this process's memory.
package enum ProcessMemory {
    /// The most bytes that the process ever held in memory at once, mapped files that were read included.
    package static var peakByteCount: Int {
        var usage = rusage()
        #if os(Linux)
            guard unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
            return usage.ru_maxrss * 1024
        #else
            guard unsafe getrusage(RUSAGE_SELF, &usage) == 0 else { return 0 }
            return usage.ru_maxrss
        #endif
    }

    /// Has large blocks go back to the system as soon as they are freed. For training, whose steps take and give back
    /// gigabytes in blocks of a few megabytes: kept for later they do not fit each other's holes, and the process grows
    /// by half. Called once, at the start of a command; where the C library has no such setting, nothing changes.
    package static func returnLargeBlocks() { falcon_map_blocks_from(1 << 20) }
}
