import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation

/// A command that is expected to refuse a file: how it ended, what it said, and the most memory it had.
struct MeasuredCommand {
    let status: Int32
    let wasKilled: Bool
    let stderr: String
    /// The largest resident size in bytes. The kernel counts what this process had when it started the command, so it
    /// is an upper bound.
    let peakBytes: Int

    /// Runs a command in a folder, with at most 4 GiB of address space (but for a sanitizer's, which are more).
    static func run(_ name: String, _ arguments: [String], in folder: TemporaryFolder) throws -> MeasuredCommand {
        let (output, errors) = (try folder.write("", to: "stdout"), try folder.write("", to: "stderr"))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_TRUNC, 0)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_TRUNC, 0)
        let limit = Sanitizer.isOn ? "unlimited" : "4194304"
        let script = "ulimit -v \(limit); cd \"$1\" && shift && exec \"$@\""
        let executable = CommandRunner.productsFolder + "/" + name
        let words = ["/bin/sh", "-c", script, "sh", folder.path, executable] + arguments
        var pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var process: pid_t = 0
        let failure = posix_spawn(&process, "/bin/sh", &actions, nil, &pointers, environ)
        guard failure == 0 else { throw FileError(executable, "cannot be started (error \(failure))") }
        var (ending, usage) = (Int32(0), rusage())
        while wait4(process, &ending, 0, &usage) < 0 {
            guard errno == EINTR else { throw FileError(executable, "cannot be waited for (error \(errno))") }
        }
        let signal = ending & 0x7f
        #if os(Linux)
            let unit = 1024
        #else
            let unit = 1
        #endif
        return MeasuredCommand(
            status: signal == 0 ? (ending >> 8) & 0xff : signal, wasKilled: signal != 0,
            stderr: try String(contentsOfFile: errors, encoding: .utf8), peakBytes: usage.ru_maxrss * unit)
    }

    /// The most memory that this process had so far, in bytes.
    static var ownPeakBytes: Int {
        var usage = rusage()
        // RUSAGE_SELF, which Linux and macOS declare with different types.
        getrusage(0, &usage)
        #if os(Linux)
            return usage.ru_maxrss * 1024
        #else
            return usage.ru_maxrss
        #endif
    }
}

extension Comparison {
    /// A command must refuse a file: exit 1, one line that names it, no trace of code that ran, no memory but for the
    /// file.
    ///
    /// - Parameters:
    ///   - fileBytes: the size of what is refused.
    ///   - base: what the command needs for a file of the same kind that is right.
    mutating func refused(
        _ name: String, _ arguments: [String], naming file: String, fileBytes: Int, base: Int
    ) throws {
        let scratch = try TemporaryFolder()
        let result = try MeasuredCommand.run(name, arguments, in: scratch)
        let lines = result.stderr.split(separator: "\n")
        expect(!result.wasKilled, "\(arguments[0]) was killed by signal \(result.status): \(result.stderr)")
        equal(result.status, 1, "the exit status of \(arguments[0]) (\(result.stderr.prefix(200)))")
        equal(lines.count, 1, "the lines of the error of \(arguments[0])")
        expect(result.stderr.contains(file), "\(arguments[0]) does not name \(file): \(result.stderr)")
        let left = try scratch.contents.filter { !["stdout", "stderr"].contains($0) }
        expect(left.isEmpty, "left \(left) behind")
        let allowed = max(base, MeasuredCommand.ownPeakBytes) + fileBytes + 16 << 20
        expect(
            Sanitizer.isOn || result.peakBytes <= allowed,
            "\(arguments[0]) took \(result.peakBytes) bytes, allowed \(allowed)")
    }
}
