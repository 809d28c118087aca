import FalconTestSupport
import Foundation
import Testing

/// What a person reads after a mistake: one line that names the file or field, and exit status 1 (64 for usage).
@Suite struct WrongInputCommandTests {
    typealias Pipeline = PipelineCommandTests

    private func refused(
        _ name: String, _ arguments: [String], status: Int32 = 1, saying words: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try CommandRunner.run(name, arguments + ["--quiet"])
        #expect(result.status == status && !result.wasKilled, "\(result)", sourceLocation: sourceLocation)
        let lines = result.stderr.split(separator: "\n")
        if status == 1 { #expect(lines.count == 1, "\(result.stderr)", sourceLocation: sourceLocation) }
        for word in words {
            #expect(result.stderr.contains(word), "\(result.stderr)", sourceLocation: sourceLocation)
        }
    }

    @Test("data generation names the folder, data set or option that is wrong")
    func dataGeneration() throws {
        let folder = try TemporaryFolder()
        let good = ["--dataset", Pipeline.chats, "--output", folder.file("out"), "--range", "0:2"]
        try refused("falcon-gen-data", ["--target", folder.file("no-model")] + good, saying: "no-model")
        try folder.write("{ not json", to: "chats.json")
        try refused(
            "falcon-gen-data",
            ["--target", Pipeline.target, "--dataset", folder.file("chats.json"), "--output", folder.file("out")],
            saying: "chats.json")
        try refused(
            "falcon-gen-data",
            ["--target", Pipeline.target, "--dataset", folder.file("none.json"), "--output", folder.file("out")],
            saying: "none.json")
        try refused(
            "falcon-gen-data", ["--target", Pipeline.target] + good + ["--template", "klingon"], status: 64,
            saying: "klingon")
        try refused(
            "falcon-gen-data", ["--target", Pipeline.target, "--output", folder.file("out")], status: 64,
            saying: "--dataset")
        try folder.write("a file, not a folder", to: "taken")
        try refused(
            "falcon-gen-data",
            [
                "--target", Pipeline.target, "--dataset", Pipeline.chats, "--range", "0:2", "--output",
                folder.file("taken/x"),
            ],
            saying: "taken")
    }

    @Test("training names the recipe's key, the damaged shard and the wrong target")
    func training() throws {
        let folder = try TemporaryFolder()
        let features = folder.file("features")
        _ = try Pipeline.succeed(
            "falcon-gen-data",
            [
                "--target", Pipeline.target, "--dataset", Pipeline.chats, "--output", features, "--range", "0:8",
                "--max-length", "128",
            ])
        let text = Pipeline.recipe(target: Pipeline.target, shards: features)

        try folder.write(text.replacingOccurrences(of: "batch_size", with: "bach_size"), to: "typo.toml")
        try refused("falcon-train", ["--recipe", folder.file("typo.toml")], saying: "bach_size", "batch_size")
        try refused("falcon-train", ["--recipe", folder.file("none.toml")], saying: "none.toml")
        try folder.write(text, to: "good.toml")
        let run = ["--recipe", folder.file("good.toml"), "--output", folder.file("run")]
        try refused(
            "falcon-train", run + ["--set", "draft.block_size=\"two\""], status: 64, saying: "block_size")

        // Another target: the same model with one setting changed has another fingerprint.
        let other = folder.file("other")
        try FileManager.default.copyItem(atPath: Pipeline.target, toPath: other)
        let config = try String(contentsOfFile: other + "/config.json", encoding: .utf8)
        try folder.write(
            config.replacingOccurrences(of: "1e-05", with: "1e-06").replacingOccurrences(of: "1e-5", with: "1e-6"),
            to: "other/config.json")
        try refused("falcon-train", run + ["--set", "target.path=\(other)"], saying: "fingerprint")

        let shard = features + "/shard-00000.h5"
        let bytes = try Data(contentsOf: URL(fileURLWithPath: shard))
        try bytes.prefix(bytes.count * 2 / 3).write(to: URL(fileURLWithPath: shard))
        try refused("falcon-train", run, saying: "shard-00000.h5")
    }

    @Test("export and inference name what is missing")
    func exportAndInference() throws {
        let folder = try TemporaryFolder()
        try refused(
            "falcon-export", ["--checkpoint", folder.file("none"), "--output", folder.file("out")], saying: "none")
        try refused("falcon-infer", ["--target", folder.file("none"), "--prompt", "hello"], saying: "none")
        try refused(
            "falcon-infer", ["--target", Pipeline.target, "--draft", folder.file("nodraft"), "--prompt", "hello"],
            saying: "nodraft")
        try refused("falcon-infer", ["--target", Pipeline.target], status: 64)
    }
}
