import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation

/// A command that is expected to refuse a file: how it ended and what it said, without room for what a header claims.
struct LimitedCommand {
    let status: Int32
    let wasKilled: Bool
    let stderr: String

    /// Runs a command in a folder, with at most 2 GiB of address space (but for a sanitizer's, which are more): a
    /// not a measurement, so that no other process's load decides.
    static func run(_ name: String, _ arguments: [String], in folder: TemporaryFolder) throws -> LimitedCommand {
        let (output, errors) = (try folder.write("", to: "stdout"), try folder.write("", to: "stderr"))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_TRUNC, 0)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_TRUNC, 0)
        let limit = Sanitizer.isOn ? "unlimited" : "2097152"
        // One arena: else each thread reserves addresses of its own.
        let script = "ulimit -v \(limit); export MALLOC_ARENA_MAX=1; cd \"$1\" && shift && exec \"$@\""
        let executable = CommandRunner.productsFolder + "/" + name
        let words = ["/bin/sh", "-c", script, "sh", folder.path, executable] + arguments
        var pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var process: pid_t = 0
        let failure = posix_spawn(&process, "/bin/sh", &actions, nil, &pointers, environ)
        guard failure == 0 else { throw FileError(executable, "cannot be started (error \(failure))") }
        var ending = Int32(0)
        while waitpid(process, &ending, 0) < 0 {
            guard errno == EINTR else { throw FileError(executable, "cannot be waited for (error \(errno))") }
        }
        let signal = ending & 0x7f
        return LimitedCommand(
            status: signal == 0 ? (ending >> 8) & 0xff : signal, wasKilled: signal != 0,
            stderr: try String(contentsOfFile: errors, encoding: .utf8))
    }
}

extension Comparison {
    /// A command must refuse a file: exit 1, one line that names it, no trace of code that ran, within little memory.
    mutating func refused(_ name: String, _ arguments: [String], naming file: String) throws {
        let scratch = try TemporaryFolder()
        let result = try LimitedCommand.run(name, arguments, in: scratch)
        let lines = result.stderr.split(separator: "\n")
        expect(!result.wasKilled, "\(arguments[0]) was killed by signal \(result.status): \(result.stderr)")
        equal(result.status, 1, "the exit status of \(arguments[0]) (\(result.stderr.prefix(200)))")
        equal(lines.count, 1, "the lines of the error of \(arguments[0])")
        expect(result.stderr.contains(file), "\(arguments[0]) does not name \(file): \(result.stderr)")
        let left = try scratch.contents.filter { !["stdout", "stderr"].contains($0) }
        expect(left.isEmpty, "left \(left) behind")
    }
}
