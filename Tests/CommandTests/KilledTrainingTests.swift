import FalconTestSupport
import FalconTensor
import Foundation
import Testing

/// `falcon-train` killed at random moments: the next `--resume` goes on from the last whole checkpoint, and in the end
/// everything is as if nothing had happened.
@Suite(.serialized) struct KilledTrainingTests {
    /// Every random source in use, several batches a step, checkpoints and evaluations at different steps.
    private static func recipe(shards: String) -> String {
        """
        [target]
        path = "\(PipelineCommandTests.target)"
        [data]
        shards = "\(shards)"
        max_length = 96
        validation_fraction = 0.2
        [draft]
        dropout = 0.1
        [glance]
        schedule = "cosine"
        [loss]
        hard_label = "sample"
        [optimizer]
        learning_rate = 2e-3
        [schedule]
        warmup_steps = 2
        [training]
        epochs = 4
        tokens_per_batch = 256
        accumulation = 2
        max_steps = 10
        checkpoint_every_steps = 2
        keep_checkpoints = 2
        [evaluation]
        every_steps = 3
        dialogues = 1
        sequences = 2
        early_stopping = 50
        """
    }

    /// The logged steps without what the clock says.
    private func metrics(_ run: String) throws -> [String] {
        try String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8).split(separator: "\n").map { line in
            line.split(separator: ",").filter { !$0.contains("tokens_per_second") }.joined(separator: ",")
        }
    }

    private func loggedSteps(_ run: String) -> Int {
        (FileManager.default.contents(atPath: run + "/metrics.jsonl") ?? Data()).count { $0 == UInt8(ascii: "\n") }
    }

    @Test("kill -9 at any moment, then --resume: the same bytes as without")
    func killedAndResumed() throws {
        let folder = try TemporaryFolder()
        let features = folder.file("features")
        _ = try PipelineCommandTests.succeed(
            "falcon-gen-data",
            [
                "--target", PipelineCommandTests.target, "--dataset", PipelineCommandTests.chats, "--output", features,
                "--range", "0:24", "--max-length", "96", "--quiet",
            ])
        let recipe = try folder.write(Self.recipe(shards: features), to: "recipe.toml")
        let (whole, killed) = (folder.file("whole"), folder.file("killed"))
        _ = try PipelineCommandTests.succeed("falcon-train", ["--recipe", recipe, "--output", whole, "--quiet"])

        // Each time a few steps further, and then at any moment: within a step, an evaluation, a checkpoint.
        var random = RandomSource(seed: 4)
        for goal in [2, 5, 7] {
            var wait = random.below(80)
            let result = try CommandRunner.run(
                "falcon-train", ["--recipe", recipe, "--output", killed, "--resume", "--quiet"],
                killWhen: {
                    guard loggedSteps(killed) >= goal else { return false }
                    wait -= 1
                    return wait < 0
                })
            // On a busy machine it may have ended before anyone looked.
            #expect(result.wasKilled || result.status == 0)
        }
        _ = try PipelineCommandTests.succeed(
            "falcon-train", ["--recipe", recipe, "--output", killed, "--resume", "--quiet"])

        let last = "/step-000010"
        let names = try Fixtures.contents(of: whole + last)
        #expect(names.contains("optimizer.safetensors") && names.contains("state.json"))
        for name in names {
            #expect(
                FileManager.default.contentsEqual(
                    atPath: whole + last + "/" + name, andPath: killed + last + "/" + name),
                "\(name)")
        }
        for note in ["/best", "/latest"] {
            #expect(FileManager.default.contentsEqual(atPath: whole + note, andPath: killed + note), "\(note)")
        }
        #expect(try metrics(whole) == metrics(killed))
        #expect(try Fixtures.contents(of: killed).allSatisfy { !$0.contains(".partial-") })
    }
}
