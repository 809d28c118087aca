import FalconTensor
import Foundation

/// Runs one of the package's commands as a user would, and collects what it prints.
package enum CommandRunner {
    package struct Result: Sendable {
        package let status: Int32
        package let stdout: String
        package let stderr: String
        /// Whether a signal ended it; `status` is then the signal's number.
        package let wasKilled: Bool
    }

    /// Runs a command to its end.
    ///
    /// - Parameters:
    ///   - name: the product, e.g. "falcon-infer".
    ///   - arguments: what follows it.
    ///   - folder: the folder it runs in.
    ///   - interruptAfter: seconds after which it is sent SIGINT, as Ctrl-C does.
    ///   - memoryLimit: the most KiB that it may reserve, as `ulimit -v` has it.
    ///   - killWhen: asked again and again; once it is true, the command is killed and can tidy up nothing.
    /// - Throws: `FileError` where the product has not been built.
    package static func run(
        _ name: String, _ arguments: [String], in folder: String? = nil, interruptAfter: Double? = nil,
        memoryLimit: Int? = nil, killWhen: (() -> Bool)? = nil
    ) throws -> Result {
        let executable = productsFolder + "/" + name
        guard FileManager.default.isExecutableFile(atPath: executable) else {
            throw FileError(executable, "is not built; build the whole package first")
        }
        // Files, not pipes: a pipe that nobody empties stops the command.
        let output = try TemporaryFolder()
        let stdout = try output.write("", to: "stdout")
        let stderr = try output.write("", to: "stderr")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        if let memoryLimit {
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "ulimit -v \(memoryLimit); exec \"$0\" \"$@\"", executable] + arguments
        }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: stdout))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: stderr))
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        try process.run()
        if let interruptAfter {
            Thread.sleep(forTimeInterval: interruptAfter)
            if process.isRunning { process.interrupt() }
        }
        if let killWhen {
            while process.isRunning, !killWhen() { Thread.sleep(forTimeInterval: 0.002) }
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus, stdout: try String(contentsOfFile: stdout, encoding: .utf8),
            stderr: try String(contentsOfFile: stderr, encoding: .utf8),
            wasKilled: process.terminationReason == .uncaughtSignal)
    }

    /// Runs a script of the shell, where what matters is how the shell starts a command: redirections, pipes, closed
    /// descriptors. `$BIN` is the folder of the commands, `$TARGET` the embedded model.
    package static func shell(_ script: String, in folder: String) throws -> Result {
        let output = try TemporaryFolder()
        let stdout = try output.write("", to: "stdout")
        let stderr = try output.write("", to: "stderr")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", script]
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["BIN": productsFolder, "TARGET": Fixtures.repository + "/Checkpoints/target"]
        ) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: stdout))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: stderr))
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        try process.run()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus, stdout: try String(contentsOfFile: stdout, encoding: .utf8),
            stderr: try String(contentsOfFile: stderr, encoding: .utf8),
            wasKilled: process.terminationReason == .uncaughtSignal)
    }

    /// The folder that holds the built commands: the one the test bundle lies in.
    package static var productsFolder: String {
        let arguments = ProcessInfo.processInfo.arguments
        // On macOS a helper of the toolchain runs the tests and is told where the bundle is.
        if let flag = arguments.firstIndex(of: "--test-bundle-path"), flag + 1 < arguments.count {
            let bundle = arguments[flag + 1]
            let end = bundle.range(of: ".xctest")?.lowerBound ?? bundle.endIndex
            return (String(bundle[..<end]) as NSString).deletingLastPathComponent
        }
        return Bundle.main.bundleURL.path
    }
}
