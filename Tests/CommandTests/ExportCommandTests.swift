import FalconJSON
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

@Suite struct ExportCommandTests {
    /// A run's folder with one checkpoint, as training leaves it.
    private func run() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for name in ["config.json", "model.safetensors"] {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("drafter/k2_mha/" + name)))
            try folder.write([UInt8](bytes), to: "run/step-000007/" + name)
        }
        try folder.write(
            #"{"step": 7, "recipe_hash": "abc", "fingerprints": {"target": "f00d"}}"#, to: "run/step-000007/state.json")
        try folder.write("step-000007\n", to: "run/latest")
        return folder
    }

    @Test(arguments: ["float32", "bfloat16"])
    func `the newest checkpoint of a run becomes a folder in the authors' layout`(type: String) throws {
        let folder = try run()
        let output = folder.file("draft")
        let result = try CommandRunner.run(
            "falcon-export",
            ["--checkpoint", folder.file("run"), "--output", output, "--format", "pytorch", "--dtype", type])
        #expect(result.status == 0, "\(result.stderr)")
        #expect(
            try Fixtures.contents(of: output) == ["README.md", "config.json", "model.safetensors", "pytorch_model.bin"])
        let weights = try WeightFolder(path: output)
        let torch = try WeightFolder(path: output + "/pytorch_model.bin")
        let source = try WeightFolder(path: folder.file("run/step-000007"))
        #expect(weights.names == source.names && torch.names == source.names)
        for name in weights.names {
            #expect(weights.storedType(of: name)?.rawValue == type)
            #expect(try weights.tensor(name) == torch.tensor(name))
            // bfloat16 keeps 8 bits.
            let tolerance: Float = type == "float32" ? 0 : 0x1p-8
            expectClose(try weights.tensor(name), try source.tensor(name), relative: tolerance, name)
        }
        let config = try #require(JSONValue(path: output + "/config.json").object)
        #expect(config["k_mask"] == .integer(2))
        #expect(config["fusion"] == .string("gated"))
        #expect(config["torch_dtype"] == .string(type))
        #expect(config["target_fingerprint"] == .string("f00d"))

        let again = try CommandRunner.run(
            "falcon-export", ["--checkpoint", folder.file("run"), "--output", output + "/"])
        #expect(again.status == 0, "\(again.stderr)")
        #expect(try Fixtures.contents(of: output) == ["README.md", "config.json", "model.safetensors"])
        #expect(try folder.contents == ["draft", "run"])
    }

    @Test func `the target's embedding may stay behind, but not where the authors' code reads it`() throws {
        let run = try run()
        let output = run.file("draft")
        let arguments = ["--checkpoint", run.file("run"), "--output", output, "--quiet"]
        #expect(try CommandRunner.run("falcon-export", arguments + ["--no-embedding"]).status == 0)
        let source = try WeightFolder(path: run.file("run/step-000007"))
        let weights = try WeightFolder(path: output)
        #expect(weights.names == source.names.filter { $0 != "embed_tokens.weight" })
        let torch = try CommandRunner.run("falcon-export", arguments + ["--no-embedding", "--format", "pytorch"])
        #expect(torch.status == 64 && torch.stderr.contains("--no-embedding"), "\(torch)")
    }

    @Test func `a folder that no export wrote is left alone`() throws {
        let folder = try run()
        try folder.write("mine", to: "draft/thesis.txt")
        let result = try CommandRunner.run(
            "falcon-export", ["--checkpoint", folder.file("run"), "--output", folder.file("draft")])
        #expect(result.status == 1)
        #expect(result.stderr.contains("thesis.txt") && result.stderr.split(separator: "\n").count == 1)
        #expect(try folder.contents == ["draft", "run"])
    }

    @Test func `an output that cannot be written is named, and why`() throws {
        let folder = try run()
        try folder.write("mine", to: "file")
        func problem(_ output: String) throws -> String {
            let result = try CommandRunner.run(
                "falcon-export", ["--checkpoint", folder.file("run"), "--output", output, "--quiet"])
            #expect(result.status == 1 && result.stderr.split(separator: "\n").count == 1, "\(result)")
            return result.stderr
        }
        #expect(try problem(folder.file("file")).contains("/file: is a file; --output takes a folder"))
        #expect(try problem(folder.file("file/draft")).contains("/file/draft: cannot make this folder, "))
        // No device has folders, and no user may make one there.
        #expect(try problem("/dev/null/draft").hasPrefix("falcon-export: /dev/null/draft: cannot make this folder, "))
        #expect(try folder.contents == ["file", "run"])
    }

    @Test(.disabled(if: getuid() == 0, "root may write anywhere"))
    func `a locked folder is named`() throws {
        let folder = try run()
        let locked = folder.file("locked")
        try FileManager.default.createDirectory(atPath: locked, withIntermediateDirectories: false)
        try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: locked)
        let result = try CommandRunner.run(
            "falcon-export", ["--checkpoint", folder.file("run"), "--output", locked + "/draft"])
        #expect(result.status == 1 && result.stderr.contains("locked/draft: cannot be written, "), "\(result.stderr)")
    }

    @Test func `what is no checkpoint is refused in one line`() throws {
        let folder = try TemporaryFolder()
        let result = try CommandRunner.run(
            "falcon-export", ["--checkpoint", folder.path, "--output", folder.file("draft")])
        #expect(result.status == 1)
        #expect(result.stderr.split(separator: "\n").count == 1)
        #expect(try CommandRunner.run("falcon-export", ["--nonsense"]).status == 64)
    }
}
