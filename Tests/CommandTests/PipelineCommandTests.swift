import FalconTestSupport
import Foundation
import Testing

/// The product's main job with its real executables, on the embedded target: chats to features, features to a draft
/// head, the head to an export, and the export to a measured accept length.
@Suite(.serialized) struct PipelineCommandTests {
    static let target = Fixtures.repository + "/Checkpoints/target"
    static let chats = Fixtures.repository + "/Datasets/quickstart-train.json"
    static let questions = Fixtures.repository + "/Datasets/quickstart-questions.jsonl"

    /// A recipe for some seconds of training.
    static func recipe(target: String, shards: String) -> String {
        """
        [target]
        path = "\(target)"

        [data]
        shards = "\(shards)"
        max_length = 256

        [draft]
        block_size = 2
        fusion = "gated"
        dropout = 0.0

        [optimizer]
        learning_rate = 1e-3

        [schedule]
        warmup_steps = 2

        [training]
        epochs = 2
        batch_size = 4
        max_steps = 8
        checkpoint_every_steps = 4
        """
    }

    static func succeed(
        _ name: String, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
    )
        throws -> CommandRunner.Result
    {
        let result = try CommandRunner.run(name, arguments)
        #expect(result.status == 0, "\(name): \(result.stderr)", sourceLocation: sourceLocation)
        return result
    }

    @Test("chats become an accept length, and the answers stay the target's own")
    func wholePipeline() throws {
        let folder = try TemporaryFolder()
        let (features, run, draft) = (folder.file("features"), folder.file("run"), folder.file("draft"))
        let generate = [
            "--target", Self.target, "--dataset", Self.chats, "--output", features, "--range", "0:40",
            "--max-length", "256", "--conversations-per-shard", "16", "--threads", "2",
        ]
        _ = try Self.succeed("falcon-gen-data", generate)
        let shards = try Fixtures.contents(of: features).filter { $0.hasSuffix(".h5") }
        #expect(shards == ["shard-00000.h5", "shard-00001.h5", "shard-00002.h5"])

        // A second run makes nothing again.
        let before = try modificationDates(features, shards)
        _ = try Self.succeed("falcon-gen-data", generate + ["--quiet"])
        #expect(try modificationDates(features, shards) == before)

        let recipe = try folder.write(Self.recipe(target: Self.target, shards: features), to: "recipe.toml")
        // How near the stated memory comes to what a run takes, falcon-bench measures: on a busy machine it varies.
        let (stated, taken) = (folder.file("estimate.json"), folder.file("training.json"))
        let estimate = try Self.succeed(
            "falcon-train", ["--recipe", recipe, "--dry-run", "--json", stated, "--threads", "2"])
        for line in ["steps            8 ", "time per step ", "peak memory ", "checkpoints "] {
            #expect(estimate.stdout.contains(line), "\(estimate.stdout)")
        }
        _ = try Self.succeed(
            "falcon-train", ["--recipe", recipe, "--output", run, "--json", taken, "--threads", "2"])
        let peaks = try [stated, taken].map { path -> Double in
            let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
            return try #require((object as? [String: Any])?["peak_memory_bytes"] as? Double)
        }
        let keys = try String(contentsOfFile: stated, encoding: .utf8)
        for key in ["steps", "seconds_per_step", "peak_memory_bytes", "checkpoint_bytes"] {
            #expect(keys.contains("\"\(key)\" : "), "\(key)")
        }
        #expect(peaks.allSatisfy { $0 > 0 }, "stated and taken: \(peaks)")
        #expect(try String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8).split(separator: "\n").count >= 8)

        _ = try Self.succeed("falcon-export", ["--checkpoint", run, "--output", draft])
        #expect(try Fixtures.contents(of: draft).contains("config.json"))

        // The target lends its embedding to a head without one, which then drafts the same.
        let small = folder.file("small")
        _ = try Self.succeed("falcon-export", ["--checkpoint", run, "--output", small, "--no-embedding"])

        var accepted: [String: Int] = [:]
        for (tree, draft) in [("medium", draft), ("chain:3", draft), ("medium", small)] {
            let report = folder.file("report-\(tree).json")
            let result = try Self.succeed(
                "falcon-infer",
                [
                    "--target", Self.target, "--draft", draft, "--dataset", Self.questions, "--limit", "4",
                    "--max-new-tokens", "40", "--tree", tree, "--baseline", "--json", report,
                    "--answers", folder.file("answers.jsonl"),
                ])
            let figures = try #require(
                try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: report))) as? [String: Any]
            )
            #expect(figures["mismatched_tokens"] as? Int == 0, "\(result.stderr)")
            // Each turn of a dialogue is a prompt of its own.
            #expect(try #require(figures["prompts"] as? Int) >= 4)
            let generated = try #require(figures["generated_tokens"] as? Int)
            let count = try #require(figures["accepted_draft_tokens"] as? Int)
            let passes = try #require(figures["target_passes"] as? Int)
            #expect(generated > 40 && count <= generated && passes > 0)
            let rate = try #require(figures["acceptance_rate"] as? Double)
            #expect(abs(rate - Double(count) / Double(generated)) < 1e-12)
            #expect(accepted.updateValue(count, forKey: tree).map { $0 == count } ?? true)
        }
    }

    @Test("a run that was interrupted and resumed has the bits of one that was not")
    func resumedTraining() throws {
        let folder = try TemporaryFolder()
        let features = folder.file("features")
        _ = try Self.succeed(
            "falcon-gen-data",
            [
                "--target", Self.target, "--dataset", Self.chats, "--output", features, "--range", "0:24",
                "--max-length", "128",
            ])
        let recipe = try folder.write(Self.recipe(target: Self.target, shards: features), to: "recipe.toml")
        let (whole, parts) = (folder.file("whole"), folder.file("parts"))
        _ = try Self.succeed("falcon-train", ["--recipe", recipe, "--output", whole])
        // Stop at half of the steps by taking the checkpoint there as the newest.
        _ = try Self.succeed("falcon-train", ["--recipe", recipe, "--output", parts])
        let last = try Fixtures.contents(of: parts).filter { $0.hasPrefix("step-") }.sorted()
        #expect(last.count >= 2)
        try FileManager.default.removeItem(atPath: parts + "/" + last[last.count - 1])
        _ = try Self.succeed("falcon-train", ["--recipe", recipe, "--output", parts, "--resume"])
        for name in ["model.safetensors", "optimizer.safetensors"] {
            let path = "/" + last[last.count - 1] + "/" + name
            #expect(FileManager.default.contentsEqual(atPath: whole + path, andPath: parts + path), "\(name)")
        }
    }

    private func modificationDates(_ folder: String, _ names: [String]) throws -> [Date] {
        try names.map {
            try #require(
                FileManager.default.attributesOfItem(atPath: folder + "/" + $0)[.modificationDate] as? Date)
        }
    }
}
