import Foundation

/// The compiler's sanitizers, as `Scripts/verify/sanitize.sh` builds them in.
package enum Sanitizer {
    /// Whether this process is built with one: it then reserves terabytes of addresses, so that no program starts under
    /// a limit on them, and memory is several times what the program asks for.
    package static let isOn = ["ASAN_OPTIONS", "TSAN_OPTIONS"].contains {
        ProcessInfo.processInfo.environment[$0] != nil
    }
}
