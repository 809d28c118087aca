import FalconTestSupport
import Foundation
import Testing

/// Every command that computes with a target refuses a broken one.
@Suite("Commands and broken targets", .serialized) struct UncheckedTargetCommandTests {
    typealias Pipeline = PipelineCommandTests

    /// The embedded target with one value that is no number, in the middle of a tensor, where no fingerprint looks.
    private func broken() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for name in try FileManager.default.contentsOfDirectory(atPath: Pipeline.target) {
            try FileManager.default.copyItem(atPath: Pipeline.target + "/" + name, toPath: folder.file(name))
        }
        let path = folder.file("model.safetensors")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let place = bytes.count / 2 & ~1
        // bfloat16's NaN, whatever tensor it meets.
        bytes[place] = 0xC0
        bytes[place + 1] = 0x7F
        try bytes.write(to: URL(fileURLWithPath: path))
        return folder
    }

    private func refused(_ command: String, _ arguments: [String]) throws {
        let result = try CommandRunner.run(command, arguments)
        #expect(result.status == 1, "\(command): \(result.stderr)")
        #expect(result.stderr.contains("infinite or not a number"), "\(command): \(result.stderr)")
        #expect(result.stdout.isEmpty, "\(command): \(result.stdout)")
    }

    @Test("a weight that is no number is found by infer, gen-data, inspect features and train")
    func notANumber() throws {
        let target = try broken()
        let folder = try TemporaryFolder()
        let chats = try folder.write(
            #"[{"id": "a", "conversations": [{"from": "human", "value": "2 and 2?"}, {"from": "gpt", "value": "4"}]}]"#,
            to: "chats.json")
        try refused("falcon-infer", ["--target", target.path, "--prompt", "hi", "--max-new-tokens", "3"])
        for extra in [[], ["--regenerate"]] {
            try refused(
                "falcon-gen-data",
                ["--target", target.path, "--dataset", chats, "--output", folder.file("features")] + extra)
        }
        #expect(!FileManager.default.fileExists(atPath: folder.file("features/shard-00000.h5")))
        try refused(
            "falcon-inspect",
            ["features", "--target", target.path, "--tokens", "1,2", "--output", folder.file("out.safetensors")])
        try folder.write(Pipeline.recipe(target: target.path, shards: folder.file("none")), to: "recipe.toml")
        try refused("falcon-train", ["--recipe", folder.file("recipe.toml"), "--output", folder.file("run")])
    }

    @Test("a switch that would do nothing is wrong usage")
    func switchAlone() throws {
        let result = try CommandRunner.run(
            "falcon-infer", ["--target", Pipeline.target, "--prompt", "hi", "--allow-other-target"])
        #expect(result.status == 64)
    }
}
