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
}
