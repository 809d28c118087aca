import FalconTestSupport
import Foundation
import Testing

/// Hidden states of the target's layers through the executables: stored, trained on, exported, decoded and replayed.
@Suite(.serialized) struct AuxiliaryCommandTests {
    typealias Pipeline = PipelineCommandTests

    private func object(_ path: String) throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
        return try #require(value as? [String: Any])
    }

    @Test func `A head with states goes from chats to answers that are the target's own`() throws {
        let folder = try TemporaryFolder()
        let (features, run, draft) = (folder.file("features"), folder.file("run"), folder.file("draft"))
        let generate = [
            "--target", Pipeline.target, "--dataset", Pipeline.chats, "--range", "0:24", "--max-length", "128",
        ]
        _ = try Pipeline.succeed(
            "falcon-gen-data", generate + ["--output", features, "--auxiliary-layers", "2,4", "--quiet"])
        let shard = try Pipeline.succeed("falcon-inspect", ["shard", "--shards", features])
        #expect(shard.stdout.contains("states of 2,4 beside the features"), "\(shard.stdout)")

        let recipe = try folder.write(
            Pipeline.recipe(target: Pipeline.target, shards: features)
                .replacingOccurrences(of: "fusion = \"gated\"", with: "fusion = \"gated\"\nauxiliary_layers = [2, 4]"),
            to: "recipe.toml")
        _ = try Pipeline.succeed("falcon-train", ["--recipe", recipe, "--output", run, "--quiet"])
        _ = try Pipeline.succeed("falcon-export", ["--checkpoint", run, "--output", draft])
        let inspected = try Pipeline.succeed(
            "falcon-inspect", ["draft", "--draft", draft, "--target", Pipeline.target])
        #expect(inspected.stdout.contains("states of the target's layers 2,4"), "\(inspected.stdout)")

        let report = folder.file("report.json")
        let common = ["--target", Pipeline.target, "--draft", draft, "--max-new-tokens", "30", "--quiet"]
        for more in [["--tree", "medium"], ["--tree", "chain:3", "--lookup"], ["--tree", "medium", "--batch", "3"]] {
            _ = try Pipeline.succeed(
                "falcon-infer",
                common + more
                    + ["--dataset", Pipeline.questions, "--limit", "4", "--baseline", "--json", report])
            #expect(try object(report)["mismatched_tokens"] as? Int == 0, "\(more)")
        }
        _ = try Pipeline.succeed(
            "falcon-infer", common + ["--tree", "medium", "--replay", features, "--limit", "3", "--json", report])
        #expect(try #require(try object(report)["target_passes"] as? Int) > 0)

        // Answers of the target, drafted by such a head, with their states.
        let own = folder.file("own")
        _ = try Pipeline.succeed(
            "falcon-gen-data",
            [
                "--target", Pipeline.target, "--dataset", Pipeline.chats, "--range", "0:3", "--max-length", "128",
                "--output", own, "--regenerate", "--draft", draft, "--tree", "medium", "--max-new-tokens", "20",
                "--auxiliary-layers", "1,4", "--quiet",
            ])
        let drafted = try Pipeline.succeed("falcon-inspect", ["shard", "--shards", own, "--verify"])
        #expect(drafted.stdout.contains("states of 1,4 beside the features"))

        // Shards without, or with others, are refused with the fix.
        let plain = folder.file("plain")
        _ = try Pipeline.succeed("falcon-gen-data", generate + ["--output", plain, "--quiet"])
        for (shards, words) in [(plain, "no layers"), (own, "the layers 1,4")] {
            for (name, arguments) in [
                ("falcon-infer", common + ["--tree", "medium", "--replay", shards]),
                (
                    "falcon-train",
                    ["--recipe", recipe, "--output", folder.file("other"), "--set", "data.shards=\(shards)"]
                ),
            ] {
                let result = try CommandRunner.run(name, arguments + ["--quiet"])
                #expect(result.status == 1 && result.stderr.split(separator: "\n").count == 1, "\(result)")
                #expect(result.stderr.contains("has hidden states of \(words)"), "\(result.stderr)")
                #expect(result.stderr.contains("falcon-gen-data --auxiliary-layers 2,4"), "\(result.stderr)")
            }
        }
        let more = try CommandRunner.run(
            "falcon-gen-data", generate + ["--output", folder.file("more"), "--auxiliary-layers", "2,7", "--quiet"])
        #expect(more.status == 1 && more.stderr.contains("no layer 7"), "\(more)")
    }
}
