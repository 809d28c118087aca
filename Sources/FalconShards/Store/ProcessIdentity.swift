import Foundation

/// Names a process so that others can tell whether it still runs.
struct ProcessIdentity: Codable, Equatable {
    /// The running system, not its name: a restart, another machine or another container's table of processes is
    /// another host.
    let host: String
    let process: Int32
    /// When it started, in the system's own count, so that a later process with the same number is not mistaken for
    /// it; 0 where the system does not say.
    let started: UInt64

    /// This process.
    static var own: ProcessIdentity {
        let process = getpid()
        return ProcessIdentity(host: hostName, process: process, started: startTime(of: process) ?? 0)
    }

    /// Whether the process has ended; `nil` where that cannot be seen from here.
    var hasEnded: Bool? {
        guard host == ProcessIdentity.hostName else { return nil }
        // Signal 0 only asks; a process of another user exists too, though it may not be signalled.
        if kill(process, 0) != 0, errno == ESRCH { return true }
        guard started != 0, let found = ProcessIdentity.startTime(of: process) else { return nil }
        return found != started
    }

    private static var hostName: String {
        let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        let processes = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
        guard let boot, let processes else { return ProcessInfo.processInfo.hostName }
        return boot.trimmingCharacters(in: .whitespacesAndNewlines) + " " + processes
    }

    /// Field 22 of `/proc/PID/stat` (proc(5)): the start in clock ticks since the system started.
    private static func startTime(of process: Int32) -> UInt64? {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        // A process that ended but was not yet asked for its status counts as ended.
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return UInt64(fields[19])
    }
}
