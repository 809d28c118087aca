import FalconTensor
import Foundation

/// What the system holds a reading process to.
enum ReaderLimits {
    /// Lets the process reserve so many bytes more than it has: memory that a file merely claims is refused, and ends
    /// the process, before it is touched.
    static func limitMemory(beyond bytes: Int) throws {
        #if os(Linux)
            let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ").first
            let reserved = (pages.flatMap { Int($0) } ?? 0) * Int(getpagesize())
            var limit = rlimit(rlim_cur: rlim_t(reserved + bytes), rlim_max: rlim_t(reserved + bytes))
            guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else {
                throw FileError.system("this process", "limiting its memory")
            }
        #endif
    }

    /// The process ends by SIGVTALRM when it has computed for a second more, unless this is called again.
    static func startSecond() {
        var second = itimerval(
            it_interval: timeval(tv_sec: 0, tv_usec: 0), it_value: timeval(tv_sec: 1, tv_usec: 0))
        #if os(Linux)
            unsafe setitimer(__itimer_which_t(ITIMER_VIRTUAL.rawValue), &second, nil)
        #else
            unsafe setitimer(ITIMER_VIRTUAL, &second, nil)
        #endif
    }
}

/// The number of the current input and how many were accepted before it, in a file that outlives the process.
final class FuzzNote {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError.system(path, "creating it") }
    }

    deinit { close(descriptor) }

    func write(_ number: Int, accepted: Int) {
        var note = [number, accepted]
        unsafe pwrite(descriptor, &note, 2 * MemoryLayout<Int>.size, 0)
    }

    static func read(_ path: String) -> (number: Int, accepted: Int)? {
        let size = MemoryLayout<Int>.size
        guard let file = try? MappedFile(path: path), file.count == 2 * size else { return nil }
        return (file.integer(Int.self, at: 0), file.integer(Int.self, at: size))
    }
}
