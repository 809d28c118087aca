import FalconDraft
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconDecoding

/// `falcon-infer` as a user meets it.
@Suite struct InferCommandTests {
    /// A random target with a real tokenizer and chat template, and a random head.
    struct Folders {
        let models: RandomModels
        let target: String
        let draft: String

        init() throws {
            let pool = ThreadPool(threadCount: 1)
            models = try RandomModels(seed: 31, vocabulary: 1008, pool: pool)
            target = models.folder.file("target")
            for name in ["tokenizer.json", "tokenizer_config.json"] {
                try FileManager.default.copyItem(
                    atPath: "\(Fixtures.folder)/tokenizers/qwen2/\(name)", toPath: "\(target)/\(name)")
            }
            draft = try models.write(models.network(blockSize: 2, fusion: .lstm, seed: 3))
        }

        func file(_ name: String) -> String { models.folder.file(name) }
    }

    private func object(_ path: String) throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
        return try #require(value as? [String: Any])
    }

    @Test func `A question file is answered, reported and written down`() throws {
        let folders = try Folders()
        let questions = try folders.models.folder.write(
            """
            {"question_id": 81, "category": "writing", "turns": ["Write a line.", "And another."]}
            {"question_id": 82, "category": "math", "turns": ["What is 2 + 2?"]}
            {"question_id": 83, "category": "math", "turns": []}

            """, to: "question.jsonl")
        let run = try CommandRunner.run(
            "falcon-infer",
            [
                "--target", folders.target, "--draft", folders.draft, "--dataset", questions, "--tree", "small",
                "--max-new-tokens", "24", "--baseline", "--json", folders.file("report.json"), "--answers",
                folders.file("answers.jsonl"), "--threads", "2",
            ])
        #expect(run.status == 0, "\(run.stderr)")
        #expect(run.stdout.contains("accept length") && run.stdout.contains("mismatched tokens"))
        // The row without a question is named, not dropped in silence.
        #expect(run.stderr.contains("83"))

        let report = try object(folders.file("report.json"))
        let wholeNumbers: [String: Int] = ["prompts": 3, "mismatched_tokens": 0, "skipped_prompts": 0]
        for (key, expected) in wholeNumbers { #expect(report[key] as? Int == expected, "\(key)") }
        let passes = try #require(report["target_passes"] as? Int)
        let accepted = try #require(report["accepted_draft_tokens"] as? Int)
        let generated = try #require(report["generated_tokens"] as? Int)
        // JSON's decimals are read back to within the last bit.
        let length = try #require(report["accept_length"] as? Double)
        #expect(abs(length - Double(accepted) / Double(passes)) < 1e-9)
        let rate = try #require(report["acceptance_rate"] as? Double)
        #expect(abs(rate - Double(accepted) / Double(generated)) < 1e-9)
        for key in [
            "draft_passes", "tokens_per_pass", "accept_histogram", "acceptance_by_depth", "tokens_per_second",
            "baseline_tokens_per_second", "speedup", "peak_memory_bytes", "formulas", "without_loops",
        ] { #expect(report[key] != nil, "\(key)") }
        let seconds = try #require(report["seconds"] as? [String: Double])
        #expect(Set(seconds.keys) == ["load", "prefill", "draft", "verify", "commit", "total"])
        let tree = try #require(report["tree"] as? [String: Any])
        #expect(tree["name"] as? String == "small" && tree["nodes"] as? Int == 8 && tree["depth"] as? Int == 2)
        let categories = try #require(report["categories"] as? [String: [String: Any]])
        #expect(categories["writing"]?["prompts"] as? Int == 2 && categories["math"]?["prompts"] as? Int == 1)

        let lines = try String(contentsOfFile: folders.file("answers.jsonl"), encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2)
        let first = try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any]
        #expect(first?["question_id"] as? Int == 81)
        let choice = try #require((first?["choices"] as? [[String: Any]])?.first)
        #expect((choice["turns"] as? [String])?.count == 2)
        let idxs = try #require(choice["idxs"] as? [Int])
        #expect((choice["accept_lengths"] as? [Int])?.count == idxs.reduce(0, +))
    }

    @Test(arguments: ["auto", "dynamic", "dynamic:12"])
    func `A tree that is planned is predicted, and changes no token`(_ tree: String) throws {
        let folders = try Folders()
        let questions = try folders.models.folder.write(
            """
            {"question_id": 81, "category": "writing", "turns": ["Write a line.", "And another."]}
            {"question_id": 82, "category": "math", "turns": ["What is 2 + 2?"]}

            """, to: "question.jsonl")
        let run = try CommandRunner.run(
            "falcon-infer",
            [
                "--target", folders.target, "--draft", folders.draft, "--dataset", questions, "--tree", tree,
                "--plan-seconds", "0.3", "--max-new-tokens", "40", "--baseline", "--json",
                folders.file("report.json"), "--report", folders.file("report.html"),
            ])
        #expect(run.status == 0, "\(run.stderr)")
        #expect(run.stderr.contains("measuring rounds of 1 to 64 rows\na target pass takes "), "\(run.stderr)")
        #expect(run.stderr.contains("for a block\n\(tree): "), "\(run.stderr)")
        #expect(run.stdout.contains("as predicted"))
        let report = try object(folders.file("report.json"))
        #expect(report["mismatched_tokens"] as? Int == 0 && report["prompts"] as? Int == 3)
        let planned = try #require(report["tree"] as? [String: Any])
        #expect(planned["name"] as? String == tree)
        let figures = try [
            "predicted_tokens_per_second", "predicted_plain_tokens_per_second", "predicted_accept_length",
            "prediction_error", "plan_seconds",
        ].map { key in try #require(planned[key] as? Double, "\(key)") }
        #expect(figures[0] > 0 && figures[1] > 0 && figures[2] >= 0 && figures[3] > -1 && figures[4] > 0)
        let measured = try #require(report["tokens_per_second"] as? Double)
        #expect(abs(figures[0] / measured - 1 - figures[3]) < 1e-6)
        let costs = try #require(planned["costs"] as? [String: Any])
        let passes = try #require(costs["target_milliseconds_by_rows"] as? [String: Double])
        #expect(passes.count == 7 && passes.values.allSatisfy { $0 > 0 })
        if tree == "dynamic:12" { #expect(try #require(report["draft_passes"] as? Int) > 0) }
        let page = try String(contentsOfFile: folders.file("report.html"), encoding: .utf8)
        #expect(page.contains("Choice of the tree") && page.contains("measured: ") && page.contains("% off"))

        // Texts too short to time a round leave nothing to plan with, which is said.
        let short = try CommandRunner.run(
            "falcon-infer",
            [
                "--target", folders.target, "--draft", folders.draft, "--prompt", "Hello", "--tree", tree,
                "--max-new-tokens", "1", "--baseline", "--json", folders.file("short.json"),
            ])
        #expect(short.status == 0 && short.stderr.contains("no round could be timed"), "\(short.stderr)")
        #expect(try object(folders.file("short.json"))["mismatched_tokens"] as? Int == 0)
    }

    @Test func `Drawing with a planned tree says that it does not repeat, and the authors' trees what was dropped`()
        throws
    {
        let folders = try Folders()
        let common = [
            "--target", folders.target, "--draft", folders.draft, "--prompt", "Hello there", "--max-new-tokens", "12",
        ]
        let drawn = try CommandRunner.run(
            "falcon-infer", common + ["--tree", "dynamic", "--plan-seconds", "0.1", "--temperature", "1"])
        #expect(drawn.status == 0 && drawn.stderr.contains("another run draws other tokens"), "\(drawn.stderr)")
        let authors = try CommandRunner.run("falcon-infer", common + ["--tree", "kmask2_8layer_tree"])
        #expect(authors.status == 0, "\(authors.stderr)")
        #expect(authors.stderr.contains("166 paths") && authors.stderr.contains("[0, 1, 0, 0]"), "\(authors.stderr)")
        let page = folders.file("authors.html")
        _ = try CommandRunner.run(
            "falcon-infer", common + ["--tree", "kmask2_8layer_tree", "--quiet", "--report", page])
        #expect(try String(contentsOfFile: page, encoding: .utf8).contains("166 paths"))
    }

    @Test func `One prompt is streamed, with or without a head, as the same text`() throws {
        let folders = try Folders()
        let common = ["--target", folders.target, "--prompt", "Hello there", "--max-new-tokens", "20", "--quiet"]
        let plain = try CommandRunner.run("falcon-infer", common)
        let figures = try CommandRunner.run("falcon-infer", common + ["--json", "-"])
        let streamed = try CommandRunner.run(
            "falcon-infer", common + ["--draft", folders.draft, "--tree", "chain:3", "--stream"])
        for run in [plain, figures, streamed] { #expect(run.status == 0 && run.stderr == "", "\(run.stderr)") }
        let end = try #require(plain.stdout.range(of: "\n\nprompts ", options: .backwards))
        let text = plain.stdout[..<end.lowerBound]
        #expect(!text.isEmpty && streamed.stdout.hasPrefix(text))
        let object = try JSONSerialization.jsonObject(with: Data(figures.stdout.utf8)) as? [String: Any]
        #expect(object?["generated_tokens"] as? Int == 20)
    }

    @Test func `Wrong usage ends with 64, anything else that is wrong with 1 and one line`() throws {
        let folders = try Folders()
        let target = ["--target", folders.target, "--prompt", "Hello"]
        let draft = target + ["--draft", folders.draft]
        let usage: [[String]] = [
            [], target + ["--dataset", "x.json"], target + ["--fusion", "gated"], target + ["--limit", "0"],
            target + ["--max-new-tokens", "0"], target + ["--temperature", "-1"], target + ["--top-p", "0"],
            target + ["--top-k", "-1"], draft + ["--fusion", "gate"], draft + ["--plan-seconds", "-1"],
        ]
        for arguments in usage {
            #expect(try CommandRunner.run("falcon-infer", arguments).status == 64, "\(arguments)")
        }
        let narrow = try RandomModels(seed: 1, pool: ThreadPool(threadCount: 1))
        let other = try narrow.write(narrow.network(blockSize: 3, fusion: .gated, seed: 1))
        let empty = try folders.models.folder.write("[]", to: "empty.json")
        let broken = try folders.models.folder.write("{\"turns\": [", to: "broken.jsonl")
        let failures: [(arguments: [String], word: String)] = [
            (["--target", folders.file("none"), "--prompt", "x"], "no such folder"),
            (draft + ["--tree", "smal"], "smal"), (draft + ["--tree", "none.toml"], "none.toml"),
            (draft + ["--tree", "chain:0"], "chain:0"), (target + ["--draft", folders.file("none")], "none"),
            (target + ["--draft", other], "vocab_size"), (target + ["--template", "alpaca"], "alpaca"),
            (["--target", folders.target, "--dataset", empty], "empty.json"),
            (["--target", folders.target, "--dataset", broken], "broken.jsonl"),
            (["--target", folders.target, "--dataset", folders.file("none.jsonl")], "none.jsonl"),
            (["--target", folders.target, "--prompt", String(repeating: "word ", count: 600)], "context"),
            (target + ["--json", folders.file("none/report.json")], "report.json"),
        ]
        for (arguments, word) in failures {
            let run = try CommandRunner.run("falcon-infer", arguments + ["--quiet", "--max-new-tokens", "2"])
            #expect(run.status == 1, "\(arguments)")
            #expect(run.stderr.contains(word) && run.stderr.hasPrefix("falcon-infer: "), "\(run.stderr)")
            #expect(run.stderr.split(separator: "\n").count == 1, "\(run.stderr)")
            // Before anything is decoded.
            #expect(run.stdout.isEmpty, "\(arguments)")
        }
    }
}
