import Foundation

/// The most memory that this process may use: the machine's, or less where a control group (a container, a job of a
/// batch system) allows less.
package enum MemoryLimit {
    package static var byteCount: Int {
        byteCount(
            physical: Int(clamping: ProcessInfo.processInfo.physicalMemory), groups: "/sys/fs/cgroup",
            membership: (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? "")
    }

    /// - Parameters:
    ///   - physical: bytes of the machine.
    ///   - groups: where the system shows its control groups, of both versions; need not be there.
    ///   - membership: the groups of a process, a line each as `/proc/self/cgroup` has them: `0::/a/b` of version 2,
    ///     `4:memory:/a/b` of version 1.
    package static func byteCount(physical: Int, groups: String, membership: String) -> Int {
        var least = physical
        for line in membership.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let (folder, file): (String, String)
            if parts[1].isEmpty {
                (folder, file) = (groups, "memory.max")
            } else if parts[1].split(separator: ",").contains("memory") {
                (folder, file) = (groups + "/memory", "memory.limit_in_bytes")
            } else {
                continue
            }
            // What a group may use, all groups inside it may use together.
            var path = folder
            for step in [""] + parts[2].split(separator: "/").map(String.init) where step != ".." {
                if !step.isEmpty { path += "/" + step }
                guard let text = try? String(contentsOfFile: path + "/" + file, encoding: .utf8),
                    let limit = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)), limit > 0
                else { continue }
                least = min(least, limit)
            }
        }
        return least
    }
}
