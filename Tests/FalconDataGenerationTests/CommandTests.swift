import FalconShards
import FalconTestSupport
import Foundation
import Testing

/// `falcon-gen-data` as a user runs it.
@Suite struct GenerateDataCommandTests {
    private func arguments(_ folder: TemporaryFolder) throws -> [String] {
        [
            "--target", try TinyTarget.write(into: folder), "--dataset",
            try folder.write(TinyTarget.chats(9), to: "chats.json"), "--output", folder.file("out"),
            "--conversations-per-shard", "3",
        ]
    }

    @Test func `results go to standard output, logs to standard error, figures to the JSON file`() throws {
        let folder = try TemporaryFolder()
        let result = try CommandRunner.run(
            "falcon-gen-data", arguments(folder) + ["--json", folder.file("figures.json"), "--threads", "2"])
        #expect(result.status == 0)
        #expect(result.stdout.hasPrefix("9 written + 0 skipped + 0 failed = 9 conversations\n"))
        #expect(result.stderr.contains("template: the model's own, from "))
        let data = try Data(contentsOf: URL(fileURLWithPath: folder.file("figures.json")))
        let figures = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        #expect(figures?["written"] as? Int == 9)
        #expect(try FeatureStore(folder: folder.file("out")).count == 9)

        let again = try CommandRunner.run("falcon-gen-data", arguments(folder) + ["--quiet"])
        #expect(again.status == 0 && again.stderr.isEmpty && again.stdout.contains("3 shards (3 from earlier runs)"))
    }

    @Test func `wrong usage ends with 64, anything else that fails with 1 and one line`() throws {
        let folder = try TemporaryFolder()
        let good = try arguments(folder)
        for wrong in [
            ["--part", "0/2"], ["--range", "5:2"], ["--dtype", "int4"], ["--template", "alpaca"], ["--nonsense"],
            ["--top-p", "0.9"], ["--max-new-tokens", "64"], ["--regenerate", "--plan"], ["--budget", "x"],
            ["--auxiliary-layers", "8,8"], ["--auxiliary-layers", "16,8"], ["--auxiliary-layers", "0"],
            ["--auxiliary-layers", "last"],
        ] {
            #expect(try CommandRunner.run("falcon-gen-data", good + wrong).status == 64)
        }
        let failing = try CommandRunner.run(
            "falcon-gen-data", ["--target", "nowhere", "--dataset", good[3], "--output", good[5]])
        #expect(failing.status == 1)
        #expect(failing.stderr.hasPrefix("falcon-gen-data: nowhere: no such folder"))
        #expect(failing.stdout.isEmpty)
    }

    /// A limit on the length of files stands for the end of the disk's space, at many places of a shard's making. The
    /// thread sanitizer writes longer ones before the command begins.
    @Test(.disabled(if: Sanitizer.isOn), arguments: [1, 3, 6, 8, 10, 12])
    func `a full disk ends the run in one line and leaves whole files only`(kibibytes: Int) throws {
        let folder = try TemporaryFolder()
        let command = ([CommandRunner.productsFolder + "/falcon-gen-data"] + (try arguments(folder)) + ["--quiet"])
            .map { "'\($0)'" }.joined(separator: " ")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", "trap '' XFSZ; ulimit -f \(kibibytes); exec \(command)"]
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 1)
        #expect(text.split(separator: "\n").count == 1 && text.contains("File too large"))
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.file("out"))
        #expect(!files.contains { $0.contains("partial") })
    }

    /// A file system of 200 kB that gets full in earnest; only the superuser may make one.
    @Test(.enabled(if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/bin/mount")))
    func `a full file system ends the run in one line, keeps finished shards, and the run goes on when there is room`()
        throws
    {
        let folder = try TemporaryFolder()
        let disk = try folder.write("", to: "disk/mark")
        let mount = (disk as NSString).deletingLastPathComponent
        func run(_ command: String, _ arguments: [String]) throws -> Int32 {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: command)
            process.arguments = arguments
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }
        guard try run("/bin/mount", ["-t", "tmpfs", "-o", "size=200k", "tmpfs", mount]) == 0 else {
            return withKnownIssue("mounting is not allowed here") { Issue.record("no file system of a fixed size") }
        }
        defer { _ = try? run("/bin/umount", [mount]) }
        var arguments = try arguments(folder)
        arguments[3] = try folder.write(TinyTarget.chats(60), to: "many.json")
        arguments[5] = mount + "/out"
        let full = try CommandRunner.run("falcon-gen-data", arguments + ["--quiet"])
        #expect(full.status == 1 && full.stderr.contains("No space left on device"))
        #expect(full.stderr.split(separator: "\n").count == 1, "\(full.stderr)")
        let finished = try FileManager.default.contentsOfDirectory(atPath: arguments[5])
        #expect(finished.contains("shard-00001.h5") && !finished.contains { $0.contains("partial") })
        #expect(try run("/bin/mount", ["-o", "remount,size=4m", mount]) == 0)
        let resumed = try CommandRunner.run("falcon-gen-data", arguments + ["--quiet"])
        #expect(resumed.status == 0 && !resumed.stdout.contains("(0 from earlier runs)"))
        #expect(try FeatureStore(folder: arguments[5]).count == 60)
    }
}
