import FalconTensor
import FalconTestSupport
import Foundation

/// A command as mpirun starts it, as several ranks on this machine.
final class RankedCommand {
    /// Where a build with the trait MPI lies: this build's folder, or the one that FALCON_MPI_BIN names.
    private static var folder: String? {
        #if MPI
            CommandRunner.productsFolder
        #else
            ProcessInfo.processInfo.environment["FALCON_MPI_BIN"]
        #endif
    }

    private static let launcher = ["/usr/bin/mpirun", "/usr/local/bin/mpirun", "/opt/homebrew/bin/mpirun"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Whether mpirun is installed.
    static var hasLauncher: Bool { launcher != nil }
    /// Whether there is a falcon-train that it can start as ranks of one run.
    static var isThere: Bool {
        hasLauncher && folder.map { FileManager.default.isExecutableFile(atPath: $0 + "/falcon-train") } ?? false
    }

    static let why = "no mpirun, or no falcon-train built with --traits MPI here or in FALCON_MPI_BIN"

    let process = Process()
    private let output: TemporaryFolder

    /// Starts a command.
    ///
    /// - Parameter needsMPI: whether the ranks talk to each other.
    init(_ ranks: Int, _ name: String, _ arguments: [String], needsMPI: Bool = true) throws {
        output = try TemporaryFolder()
        guard let launcher = RankedCommand.launcher, let built = RankedCommand.folder ?? (needsMPI ? nil : "") else {
            throw FileError("mpirun", RankedCommand.why)
        }
        let folder = needsMPI ? built : CommandRunner.productsFolder
        process.executableURL = URL(fileURLWithPath: launcher)
        process.arguments = ["-n", "\(ranks)", folder + "/" + name] + arguments
        // As root, in containers, and with more ranks than cores: what Open MPI else refuses or warns of.
        process.environment = ProcessInfo.processInfo.environment.merging([
            "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_hwloc_base_binding_policy": "none",
            "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
        ]) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(
            forWritingTo: URL(fileURLWithPath: output.write("", to: "stdout")))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: output.write("", to: "stderr")))
        try process.run()
    }

    /// Waits for the end.
    ///
    /// - Returns: the launcher's status, and what the ranks and it printed.
    func finish() throws -> (status: Int32, stdout: String, stderr: String) {
        process.waitUntilExit()
        return (
            process.terminationStatus, try String(contentsOfFile: output.file("stdout"), encoding: .utf8),
            try String(contentsOfFile: output.file("stderr"), encoding: .utf8)
        )
    }

    /// Sends a signal to one rank, once `isTime` says so.
    ///
    /// - Returns: whether the command was still there to be signalled.
    func signal(_ number: Int32, rank: Int, when isTime: () -> Bool) -> Bool {
        while process.isRunning {
            if isTime(), let identifier = identifier(of: rank) { return kill(identifier, number) == 0 }
            Thread.sleep(forTimeInterval: 0.005)
        }
        return false
    }

    /// The process of a rank: a child of the launcher that was told so.
    private func identifier(of rank: Int) -> Int32? {
        let launcher = process.processIdentifier
        guard let tasks = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(launcher)/task") else {
            return nil
        }
        let children = tasks.flatMap { task in
            ((try? String(contentsOfFile: "/proc/\(launcher)/task/\(task)/children", encoding: .utf8)) ?? "").split(
                separator: " "
            ).compactMap { Int32($0) }
        }
        return children.first { child in
            let environment = FileManager.default.contents(atPath: "/proc/\(child)/environ") ?? Data()
            return environment.split(separator: 0).contains { $0 == Data("OMPI_COMM_WORLD_RANK=\(rank)".utf8) }
        }
    }
}
