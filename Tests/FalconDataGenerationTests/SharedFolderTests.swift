import FalconShards
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// Several processes in one folder, and processes that are killed.
@Suite struct SharedFolderTests {
    /// A target and chats whose shards take long enough to be killed in.
    private struct Scene {
        let folder: TemporaryFolder
        let arguments: [String]

        init() throws {
            folder = try TemporaryFolder()
            arguments = [
                "--target", try TinyTarget.write(into: folder), "--dataset",
                try folder.write(TinyTarget.chats(400), to: "chats.json"), "--conversations-per-shard", "20",
                "--threads", "1", "--batch-tokens", "64", "--quiet",
            ]
        }

        func start(_ output: String, _ more: [String] = []) throws -> Process {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: CommandRunner.productsFolder + "/falcon-gen-data")
            process.arguments = arguments + ["--output", folder.file(output)] + more
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            return process
        }

        /// Names and contents of all files.
        func files(_ output: String) throws -> [String: Data] {
            let path = folder.file(output)
            let names = try FileManager.default.contentsOfDirectory(atPath: path)
            return try Dictionary(
                uniqueKeysWithValues: names.map {
                    ($0, try Data(contentsOf: URL(fileURLWithPath: path + "/" + $0)))
                })
        }

        func finish(_ output: String, _ more: [String] = []) throws {
            let process = try start(output, more)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
        }
    }

    @Test func `three processes at once make the same files as one`() throws {
        let scene = try Scene()
        try scene.finish("one")
        let expected = try scene.files("one")
        let parts = try (1...3).map { try scene.start("parts", ["--part", "\($0)/3"]) }
        for part in parts {
            part.waitUntilExit()
            #expect(part.terminationStatus == 0)
        }
        #expect(try scene.files("parts") == expected)
        // Without parts, too, processes share the work.
        let others = try (1...3).map { _ in try scene.start("shared") }
        for other in others { other.waitUntilExit() }
        #expect(try scene.files("shared") == expected)
    }

    @Test func `processes that are killed at random moments leave nothing wrong, and a rerun ends as if undisturbed`()
        throws
    {
        let scene = try Scene()
        try scene.finish("one")
        let expected = try scene.files("one")
        var random = RandomSource(seed: 3)
        for round in 0..<6 {
            let process = try scene.start("killed", ["--part", "\(round % 2 + 1)/2"])
            Thread.sleep(forTimeInterval: 0.02 + Double(random.uniform()) * 0.3)
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        try scene.finish("killed")
        #expect(try scene.files("killed") == expected)
    }

    @Test func `a part goes on with the shards of a part that was killed`() throws {
        let scene = try Scene()
        let killed = try scene.start("out", ["--part", "2/2"])
        let claim = { @Sendable (name: String) in name.hasSuffix(".claim") }
        // As long as it takes on a busy machine; one that has ended needs no claim.
        while killed.isRunning,
            try !FileManager.default.fileExists(atPath: scene.folder.file("out"))
                || !FileManager.default.contentsOfDirectory(atPath: scene.folder.file("out")).contains(where: {
                    claim($0)
                })
        {
            Thread.sleep(forTimeInterval: 0.005)
        }
        kill(killed.processIdentifier, SIGKILL)
        killed.waitUntilExit()
        try scene.finish("out", ["--part", "1/2"])
        #expect(try FeatureStore(folder: scene.folder.file("out")).count == 400)
        // A part that never began is left alone.
        try scene.finish("half", ["--part", "1/2"])
        #expect(try FeatureStore(folder: scene.folder.file("half")).count == 200)
    }
}
