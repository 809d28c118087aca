import FalconTestSupport
import Foundation
import Testing

/// `falcon-infer --replay` against the same executable's live figures, through files alone: live answers become a
/// chat file, `falcon-gen-data` turns it into features, and the replay must find the same acceptance.
@Suite(.serialized) struct ReplayCommandTests {
    private func object(_ path: String) throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
        return try #require(value as? [String: Any])
    }

    /// One value of a report, as text with sorted keys.
    private func text(_ report: [String: Any], _ key: String) throws -> String {
        let data = try JSONSerialization.data(
            withJSONObject: #require(report[key]), options: [.sortedKeys, .fragmentsAllowed])
        return String(decoding: data, as: UTF8.self)
    }

    /// The answers of a FastChat file with their questions, as messages.
    private func chats(questions: String, answers: String) throws -> String {
        func rows(_ path: String) throws -> [[String: Any]] {
            try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
        }
        let lines = try zip(rows(questions), rows(answers)).map { question, answer in
            let asked = try #require(question["turns"] as? [String])
            let choice = try #require((answer["choices"] as? [[String: Any]])?.first)
            let messages = zip(asked, try #require(choice["turns"] as? [String])).flatMap { turn, text in
                [["role": "user", "content": turn], ["role": "assistant", "content": text]]
            }
            let data = try JSONSerialization.data(withJSONObject: ["messages": messages])
            return String(decoding: data, as: UTF8.self)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    @Test func `A replay of live answers has the live figures`() throws {
        let folder = try TemporaryFolder()
        let target = PipelineCommandTests.target
        let (features, run, draft) = (folder.file("features"), folder.file("run"), folder.file("draft"))
        _ = try PipelineCommandTests.succeed(
            "falcon-gen-data",
            [
                "--target", target, "--dataset", PipelineCommandTests.chats, "--output", features, "--range", "0:48",
                "--max-length", "256",
            ])
        let recipe = try folder.write(
            PipelineCommandTests.recipe(target: target, shards: features), to: "recipe.toml")
        _ = try PipelineCommandTests.succeed(
            "falcon-train",
            [
                "--recipe", recipe, "--output", run, "--set", "training.max_steps=24", "--set", "training.epochs=4",
                "--set", "optimizer.learning_rate=5e-3",
            ])
        _ = try PipelineCommandTests.succeed("falcon-export", ["--checkpoint", run, "--output", draft])

        let questions = PipelineCommandTests.questions
        var accepted = 0
        for tree in ["medium", "chain:4"] {
            let (live, replayed) = (folder.file("live.json"), folder.file("replay.json"))
            let answers = folder.file("answers.jsonl")
            let common = ["--target", target, "--draft", draft, "--tree", tree, "--max-new-tokens", "60", "--quiet"]
            _ = try PipelineCommandTests.succeed(
                "falcon-infer",
                common + ["--dataset", questions, "--limit", "12", "--json", live, "--answers", answers])
            let chats = try folder.write(chats(questions: questions, answers: answers), to: "own.jsonl")
            let own = folder.file("own-\(tree)")
            _ = try PipelineCommandTests.succeed(
                "falcon-gen-data",
                ["--target", target, "--dataset", chats, "--output", own, "--dtype", "float32", "--quiet"])
            let result = try PipelineCommandTests.succeed(
                "falcon-infer",
                common + [
                    "--replay", own, "--json", replayed, "--report", folder.file("replay.html"), "--report-pictures",
                    folder.file("pictures"),
                ])
            #expect(result.stdout.contains("the target's own choice"))
            let (one, other) = (try object(live), try object(replayed))
            for key in [
                "prompts", "generated_tokens", "target_passes", "draft_passes", "accepted_draft_tokens",
                "accept_length", "tokens_per_pass", "acceptance_rate", "accept_histogram", "acceptance_by_depth",
                "looping_prompts", "tree",
            ] {
                #expect(try text(one, key) == text(other, key), "\(tree) \(key)")
            }
            let facts = try #require(other["replay"] as? [String: Any])
            #expect(facts["text_agreement"] as? Double == 1 && facts["cut_passes"] as? Int == 0)
            #expect(facts["dtype"] as? String == "float32")
            for key in ["tokens_per_second", "speedup", "seconds", "mismatched_tokens"] { #expect(other[key] == nil) }
            accepted += try #require(other["accepted_draft_tokens"] as? Int)
            let page = try String(contentsOfFile: folder.file("replay.html"), encoding: .utf8)
            #expect(page.contains("text_agreement") && page.contains("<svg") && !page.contains("<script"))
            #expect(try Fixtures.contents(of: folder.file("pictures")).contains("tree.svg"))
        }
        // Equality of nothing says nothing.
        #expect(accepted > 20)

        // A planned tree rests on the stored tokens' ranks, and on rounds of the target that were timed.
        for tree in ["auto", "dynamic:8"] {
            let planned = folder.file("planned.json")
            let result = try PipelineCommandTests.succeed(
                "falcon-infer",
                [
                    "--target", target, "--draft", draft, "--replay", folder.file("own-medium"), "--tree", tree,
                    "--plan-seconds", "0.5", "--max-new-tokens", "60", "--json", planned, "--report",
                    folder.file("planned.html"),
                ])
            #expect(result.stderr.contains("replaying 63 nodes a pass") && result.stderr.contains("\(tree): "))
            let report = try object(planned)
            let facts = try #require(report["replay"] as? [String: Any])
            #expect(facts["text_agreement"] as? Double == 1)
            let shape = try #require(report["tree"] as? [String: Any])
            #expect(try #require(shape["nodes"] as? Int) > 0 && shape["prediction_error"] == nil)
            let expected = try #require(shape["predicted_accept_length"] as? Double)
            let replayed = try #require(report["accept_length"] as? Double)
            // What the plan expected of these very texts: all that is between are ends of texts, and small counts.
            #expect(replayed > 0 && abs(expected - replayed) < 0.1 + 0.2 * replayed, "\(expected), \(replayed)")
            #expect(try #require(shape["predicted_tokens_per_second"] as? Double) > 0)
            let page = try String(contentsOfFile: folder.file("planned.html"), encoding: .utf8)
            #expect(page.contains("replayed: ") && page.contains("predicted: "))
        }

        // What a replay cannot give is refused as wrong usage, features of another target in one line.
        let replay = ["--target", target, "--replay", features, "--quiet"]
        for arguments in [
            replay, replay + ["--draft", draft, "--baseline"], replay + ["--draft", draft, "--stream"],
            replay + ["--draft", draft, "--temperature", "1"], replay + ["--draft", draft, "--prompt", "x"],
        ] {
            #expect(try CommandRunner.run("falcon-infer", arguments).status == 64, "\(arguments)")
        }
        let none = try CommandRunner.run(
            "falcon-infer", ["--target", target, "--draft", draft, "--replay", folder.file("nothing")])
        #expect(none.status == 1 && none.stderr.split(separator: "\n").count == 1 && none.stderr.contains("nothing"))
    }
}
