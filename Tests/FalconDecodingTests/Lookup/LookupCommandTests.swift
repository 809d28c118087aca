import FalconTestSupport
import Foundation
import Testing

/// `--draft lookup` and `--lookup` as a user meets them.
@Suite struct LookupCommandTests {
    private func object(_ path: String) throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
        return try #require(value as? [String: Any])
    }

    private func questions(_ folders: InferCommandTests.Folders) throws -> String {
        try folders.models.folder.write(
            """
            {"question_id": 81, "category": "copying", "turns": ["Say it, say it, say it, say it.", "Again."]}
            {"question_id": 82, "category": "math", "turns": ["What is 2 + 2?"]}
            {"question_id": 83, "category": "math", "turns": ["What is 2 + 2 + 2?"]}

            """, to: "question.jsonl")
    }

    @Test(arguments: [
        ["--tree", "chain:3"], ["--batch", "3"], ["--temperature", "5", "--top-k", "3"],
        ["--temperature", "5", "--top-k", "3", "--batch", "2", "--tree", "chain:4"],
    ])
    func `the text itself is drafted from, and no token changes`(options: [String]) throws {
        let folders = try InferCommandTests.Folders()
        let run = try CommandRunner.run(
            "falcon-infer",
            [
                "--target", folders.target, "--draft", "lookup", "--dataset", try questions(folders),
                "--max-new-tokens", "48", "--baseline", "--json", folders.file("report.json"), "--report",
                folders.file("report.html"), "--answers", folders.file("answers.jsonl"),
            ] + (options.contains("--tree") ? [] : ["--plan-seconds", "0.1"]) + options)
        #expect(run.status == 0, "\(run.stderr)")
        #expect(run.stdout.contains("from the text itself"))
        let report = try object(folders.file("report.json"))
        // Drawn tokens are plain decoding's too: each takes the same random number.
        let zeros = ["mismatched_tokens", "draft_passes"]
        for key in zeros { #expect(report[key] as? Int == 0, "\(key)") }
        let drafted = try #require(report["lookup_tokens"] as? Int)
        let accepted = try #require(report["accepted_lookup_tokens"] as? Int)
        #expect(accepted == report["accepted_draft_tokens"] as? Int && accepted <= drafted)
        // Where nobody names a chain, the time of rows decides, which a busy machine makes dear.
        let drafts = options.contains("--tree")
        #expect(drafted > 0 || !drafts)
        let tree = try #require(report["tree"] as? [String: Any])
        let name = try #require(tree["name"] as? String)
        #expect(name == (options.contains("chain:3") ? "lookup, chain:3" : name) && name.hasPrefix("lookup"))
        #expect(try #require(tree["nodes"] as? Int) > 0 || !drafts)
        #expect(((report["formulas"] as? [String: String])?["lookup_tokens"] ?? "").isEmpty == false)
    }

    @Test func `beside a head it adds to every tree, and greedy output stays`() throws {
        let folders = try InferCommandTests.Folders()
        for tree in ["small", "auto"] {
            let run = try CommandRunner.run(
                "falcon-infer",
                [
                    "--target", folders.target, "--draft", folders.draft, "--lookup", "--tree", tree, "--dataset",
                    try questions(folders), "--max-new-tokens", "48", "--baseline", "--json",
                    folders.file("report.json"), "--plan-seconds", "0.2",
                ])
            #expect(run.status == 0, "\(run.stderr)")
            let report = try object(folders.file("report.json"))
            #expect(report["mismatched_tokens"] as? Int == 0)
            // How many depends on what rows cost, which a busy machine makes dear.
            #expect(report["lookup_tokens"] as? Int != nil)
            #expect((report["tree"] as? [String: Any])?["name"] as? String == tree)
        }
    }

    @Test func `what makes no sense is refused by name`() throws {
        let folders = try InferCommandTests.Folders()
        let target = ["--target", folders.target, "--prompt", "Hello"]
        let lookup = target + ["--draft", "lookup"]
        let wrong: [(arguments: [String], word: String)] = [
            (lookup + ["--fusion", "lstm"], "--fusion"), (lookup + ["--draft-precision", "int8"], "--draft-precision"),
            (lookup + ["--lookup"], "--lookup"), (lookup + ["--allow-other-target"], "--allow-other-target"),
            (lookup + ["--tree", "medium"], "--tree medium"), (lookup + ["--tree", "dynamic:4"], "--tree dynamic:4"),
            (lookup + ["--tree", "chain:0"], "--tree chain:0"), (lookup + ["--tree", "chain:32"], "--tree chain:32"),
            (lookup + ["--tree", "chain:2", "--plan-seconds", "1"], "--plan-seconds"),
            (target + ["--lookup"], "--lookup"),
            (["--target", folders.target, "--draft", "lookup", "--replay", "shards"], "--replay"),
            (["--target", folders.target, "--draft", folders.draft, "--lookup", "--replay", "shards"], "--lookup"),
        ]
        for (arguments, word) in wrong {
            let run = try CommandRunner.run("falcon-infer", arguments)
            #expect(run.status == 64 && run.stderr.hasPrefix("Error: ") && run.stderr.contains(word), "\(run)")
        }
        // A folder of that name is a head like any other.
        let folder = try CommandRunner.run("falcon-infer", target + ["--draft", "./lookup", "--quiet"])
        #expect(folder.status == 1 && folder.stderr.contains("lookup"), "\(folder)")
    }
}
