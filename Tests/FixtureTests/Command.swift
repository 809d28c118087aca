import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation

/// The commands as these tests use them: a failure is an error that carries what was printed.
enum Command {
    /// Runs a command that must succeed.
    ///
    /// - Returns: its standard output.
    @discardableResult
    static func run(_ name: String, _ arguments: [String]) throws -> String {
        let result = try CommandRunner.run(name, arguments + ["--quiet", "--threads", "1"])
        guard result.status == 0, !result.wasKilled else {
            throw FileError(name, "ended with \(result.status): \(result.stderr)")
        }
        return result.stdout
    }

    /// Runs a subcommand of `falcon-inspect` that writes a safetensors file, and reads it.
    static func inspect(_ arguments: [String], in scratch: TemporaryFolder, _ file: String) throws -> GoldenTensors {
        try run("falcon-inspect", arguments + ["--output", scratch.file(file)])
        return try GoldenTensors(path: scratch.file(file))
    }
}
