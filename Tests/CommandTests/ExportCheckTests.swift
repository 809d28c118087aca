import FalconTestSupport
import Foundation
import Testing

/// What `falcon-export` says about the head that it writes: checked against the training run, or plainly not.
@Suite(.serialized) struct ExportCheckTests {
    private func export(_ folder: TemporaryFolder, _ options: [String]) throws -> CommandRunner.Result {
        try CommandRunner.run(
            "falcon-export", ["--checkpoint", folder.file("run"), "--output", folder.file("draft")] + options)
    }

    private func card(_ folder: TemporaryFolder) throws -> String {
        try String(contentsOfFile: folder.file("draft/README.md"), encoding: .utf8)
    }

    @Test func `an export is checked against its run, and the card tells what came out`() throws {
        let folder = try TemporaryFolder()
        let (features, run) = (folder.file("features"), folder.file("run"))
        _ = try PipelineCommandTests.succeed(
            "falcon-gen-data",
            [
                "--target", PipelineCommandTests.target, "--dataset", PipelineCommandTests.chats, "--output", features,
                "--range", "0:40", "--max-length", "128",
            ])
        let recipe = try folder.write(
            PipelineCommandTests.recipe(target: PipelineCommandTests.target, shards: features), to: "recipe.toml")
        _ = try PipelineCommandTests.succeed(
            "falcon-train",
            [
                "--recipe", recipe, "--output", run, "--set", "data.validation_fraction=0.3",
                "--set", "evaluation.dialogues=4", "--set", "evaluation.tree=small",
            ])

        var result = try export(folder, [])
        #expect(result.status == 0 && result.stderr.contains("exactly what the run logged at this step"))
        let whole = try card(folder)
        for part in [
            "tree `small`", "`chain:8`", "exactly what the run logged at this step", "```toml\n[target]",
            "bit for bit",
            "dataset sha256 ", "trained for ", " tokens read", "recipe SHA-256 ", "falcon-export 0.1.0 (",
            "validation loss ",
        ] {
            #expect(whole.contains(part), "\(part)")
        }

        // All dialogues, with the progress of it.
        result = try export(folder, ["--full-check"])
        #expect(result.status == 0 && result.stderr.contains(" dialogues"), "\(result.stderr)")
        #expect(result.stderr.contains("exactly what the run logged at this step."), "\(result.stderr)")
        #expect(try card(folder).contains("| all | 4 |"))
        #expect(try export(folder, ["--full-check", "--no-check"]).status == 64)

        let report = try folder.write(
            """
            {"accept_length": 1.5, "acceptance_rate": 0.625, "prompts": 3, "mismatched_tokens": 0,
             "tree": {"name": "small"}, "without_loops": {"accept_length": 1.25},
             "categories": {"math": {"accept_length": 1.75, "acceptance_rate": 0.5, "prompts": 2}}}
            """, to: "live.json")
        result = try export(folder, ["--dtype", "bfloat16", "--full-check", "--report", report])
        #expect(result.status == 0 && result.stderr.contains("Stored as bfloat16, the accept length is "))
        let rounded = try card(folder)
        for part in [
            "Stored as bfloat16, the accept length is ", "| all, as trained (float32) | 4 |",
            "| live.json | `small` | all | 3 | 1.50 | 1.25 | 62.5 % | 0 |",
            "| live.json | `small` | math | 2 | 1.75 |  | 50.0 % |  |",
        ] {
            #expect(rounded.contains(part), "\(part)")
        }
        #expect(try export(folder, ["--report", folder.file("run/latest")]).status == 1)

        // Weights that are not those of the log.
        let log = run + "/metrics.jsonl"
        let logged = try String(contentsOfFile: log, encoding: .utf8)
        try logged.replacingOccurrences(of: "accept_length_tree\":", with: "accept_length_tree\":9")
            .write(toFile: log, atomically: true, encoding: .utf8)
        result = try export(folder, [])
        #expect(result.status == 1 && result.stderr.contains("--no-check exports it all the same"), "\(result.stderr)")
        #expect(result.stderr.split(separator: "\n").count == 1)
        #expect(try card(folder) == rounded)
        #expect(try export(folder, ["--full-check"]).status == 1)
        #expect(try export(folder, ["--no-check"]).status == 0)
        #expect(try card(folder).contains("Not checked: `--no-check`."))

        // Another machine, without the features.
        try FileManager.default.removeItem(atPath: features)
        result = try export(folder, [])
        #expect(result.status == 0 && result.stderr.contains("was not checked: ") && result.stderr.contains(features))
        #expect(try card(folder).contains("Not checked: "))
    }
}
