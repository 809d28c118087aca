import FalconComparison
import FalconTestSupport
import Foundation
import Testing

/// `falcon-bench compare` as it is used: heads are trained by a plan, compared, stopped and gone on with.
@Suite(.serialized) struct CompareCommandTests {
    private static let target = PipelineCommandTests.target
    private static let questions = PipelineCommandTests.questions

    private static let plan = """
        trees = ["chain:3"]
        questions = ["\(questions)"]
        limit = 2
        max_new_tokens = 10
        recipe = "recipe.toml"
        steps = 2
        seeds = [0, 1]
        [[rows]]
        name = "gated"
        [[rows]]
        name = "linear"
        note = "one layer in front"
        settings = ["draft.fusion=linear"]
        seeds = [0]
        """

    private func report(_ folder: String) throws -> ComparisonReport {
        try ComparisonReport(json: Data(contentsOf: URL(fileURLWithPath: folder + "/compare.json")))
    }

    /// All that is measured, by file.
    private func measured(_ folder: String) throws -> [String: Data] {
        let names = try Fixtures.contents(of: folder + "/cells")
        return Dictionary(
            uniqueKeysWithValues: names.map {
                ($0, FileManager.default.contents(atPath: folder + "/cells/\($0)") ?? Data())
            })
    }

    @Test func `rows are trained and compared, and what was stopped goes on`() throws {
        let folder = try TemporaryFolder()
        let (features, output) = (folder.file("features"), folder.file("out"))
        _ = try PipelineCommandTests.succeed(
            "falcon-gen-data",
            [
                "--target", Self.target, "--dataset", PipelineCommandTests.chats, "--output", features, "--range",
                "0:24",
                "--max-length", "128",
            ])
        try folder.write(PipelineCommandTests.recipe(target: "elsewhere", shards: features), to: "recipe.toml")
        let plan = try folder.write(Self.plan, to: "plan.toml")
        let compare = ["compare", "--plan", plan, "--target", Self.target, "--output", output, "--quiet"]

        // Killed once there is a first measurement, and cut within a line.
        _ = try CommandRunner.run(
            "falcon-bench", compare,
            killWhen: {
                let names = (try? FileManager.default.contentsOfDirectory(atPath: output + "/cells")) ?? []
                return names.contains {
                    (FileManager.default.contents(atPath: output + "/cells/\($0)")?.count ?? 0) > 0
                }
            })
        #expect(!FileManager.default.fileExists(atPath: output + "/compare.json"))
        let trained = try String(contentsOfFile: output + "/rows/gated/seed-1/run/metrics.jsonl", encoding: .utf8)
        let first = try #require(try measured(output).first { !$0.value.isEmpty })
        try Data(first.value.dropLast(7)).write(to: URL(fileURLWithPath: output + "/cells/" + first.key))

        let run = try PipelineCommandTests.succeed("falcon-bench", compare)
        #expect(run.stdout.contains("| gated | chain:3 | 2 | ") && run.stdout.contains("| linear | chain:3 | 1 | "))
        let found = try report(output)
        #expect(found.complete && found.mismatchedTokens == 0)
        #expect(found.heads.map(\.name) == ["gated", "linear"] && found.heads.map(\.members.count) == [2, 1])
        #expect(found.rows.count == 2 && found.rows.allSatisfy { $0.dialogues == 2 && $0.mismatchedTokens == 0 })
        #expect(found.curves.count == 3 && found.equalTraining?.steps == 2)
        #expect(try String(contentsOfFile: output + "/compare.html", encoding: .utf8).contains("one layer in front"))
        let again = try String(contentsOfFile: output + "/rows/gated/seed-1/run/metrics.jsonl", encoding: .utf8)
        #expect(again == trained, "a trained row was trained again")

        // What is measured is not measured again.
        let before = try measured(output)
        _ = try PipelineCommandTests.succeed("falcon-bench", compare)
        #expect(try measured(output) == before)

        // The same figures as falcon-infer's, from the same checkpoint.
        let live = folder.file("live.json")
        let checkpoint = try #require(found.heads.first?.members.first?.folder)
        _ = try PipelineCommandTests.succeed(
            "falcon-infer",
            [
                "--target", Self.target, "--draft", checkpoint, "--dataset", Self.questions, "--limit", "2", "--tree",
                "chain:3", "--max-new-tokens", "10", "--baseline", "--json", live, "--quiet",
            ])
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: live)))
        let figures = try #require(object as? [String: Any])
        let calm = try #require(figures["without_loops"] as? [String: Any])
        #expect(found.rows[0].acceptLength?.values.first == figures["accept_length"] as? Double)
        #expect(found.rows[0].acceptLengthWithoutLoops?.values.first == calm["accept_length"] as? Double)
        #expect(
            found.rows[0].acceptanceByDepth.map(\.values[0]) == figures["acceptance_by_depth"] as? [Double])
        #expect(found.questions[0].generatedTokens == figures["generated_tokens"] as? Int)

        // Another tree is added to it, for a head by its folder: nothing else is measured again.
        let two = folder.file("two")
        let options = ["--target", Self.target, "--dataset", Self.questions, "--limit", "1", "--max-new-tokens", "6"]
        let named = ["compare", "--head", "a=\(output)/rows/gated/seed-0/run", "--output", two, "--quiet"] + options
        _ = try PipelineCommandTests.succeed("falcon-bench", named + ["--tree", "chain:2"])
        let one = try measured(two)
        _ = try PipelineCommandTests.succeed(
            "falcon-bench", named + ["--tree", "chain:2", "--tree", "small", "--lookup"])
        _ = try PipelineCommandTests.succeed("falcon-bench", named + ["--tree", "chain:2", "--temperature", "1"])
        #expect(try report(two).mismatchedTokens == nil)
        let more = try measured(two)
        #expect(more.count == 4 && one.allSatisfy { more[$0.key] == $0.value })

        try refusesOtherSettings(compare, plan: plan)
        try refusesOtherHeads(checkpoint, folder)
    }

    /// A row that would be another head than the one that was trained for it.
    private func refusesOtherSettings(_ compare: [String], plan: String) throws {
        let changed = try CommandRunner.run("falcon-bench", compare + ["--set", "draft.dropout=0.2"])
        #expect(changed.status == 1 && changed.stderr.contains("was trained by other settings"), "\(changed)")
        let absent = try CommandRunner.run(
            "falcon-bench", compare + ["--seeds", "7", "--set", "data.shards=nowhere"])
        #expect(absent.status == 1 && absent.stderr.contains("nowhere: is not there; row 'gated'"), "\(absent)")
        let unknown = try CommandRunner.run("falcon-bench", compare + ["--rows", "gated,nobody"])
        #expect(unknown.status == 1 && unknown.stderr.contains("no row 'nobody'; it has gated, linear"), "\(unknown)")
        let untrained = try CommandRunner.run("falcon-bench", compare + ["--seeds", "5", "--trained"])
        #expect(untrained.status == 1 && untrained.stderr.contains("no trained row"), "\(untrained)")
    }

    /// Heads that are none, or another target's; question files that are not there.
    private func refusesOtherHeads(_ checkpoint: String, _ folder: TemporaryFolder) throws {
        let other = folder.file("other")
        try FileManager.default.copyItem(atPath: checkpoint, toPath: other)
        let configuration = try String(contentsOfFile: other + "/config.json", encoding: .utf8)
        let fingerprint = try #require(configuration.firstMatch(of: /"target_fingerprint" ?: ?"([0-9a-f]+)"/)?.1)
        try configuration.replacingOccurrences(of: fingerprint, with: String(fingerprint.reversed()))
            .write(toFile: other + "/config.json", atomically: true, encoding: .utf8)
        func run(head: String, dataset: String = Self.questions, tree: String = "medium") throws -> CommandRunner.Result
        {
            try CommandRunner.run(
                "falcon-bench",
                [
                    "compare", "--target", Self.target, "--head", "h=\(head)", "--dataset", dataset, "--tree", tree,
                    "--output", folder.file("refused"),
                ])
        }
        for (result, words) in [
            (try run(head: other), "is a draft head of another target"),
            (try run(head: folder.file("nowhere")), "neither a draft head"),
            (try run(head: Self.target), "not a draft head"),
            (try run(head: checkpoint, dataset: folder.file("nothing.jsonl")), "nothing.jsonl"),
            (try run(head: checkpoint, tree: "bush"), "bush"),
        ] {
            #expect(result.status == 1 && result.stderr.contains(words), "\(words): \(result)")
            #expect(!FileManager.default.fileExists(atPath: folder.file("refused")))
            #expect(result.stderr.hasPrefix("falcon-bench compare: "), "\(result)")
            #expect(
                result.stderr.split(separator: "\n").filter { $0.hasPrefix("falcon-bench") }.count == 1, "\(result)")
        }
    }

    @Test(arguments: [
        [], ["--head", "a=b"], ["--head", "a=b", "--target", "t"], ["--head", "ab", "--target", "t", "--dataset", "d"],
        ["--head", "=b", "--target", "t", "--dataset", "d"], ["--head", "a=b", "--plan", "p"],
        ["--head", "a=b", "--target", "t", "--dataset", "d", "--seeds", "1"],
        ["--head", "a=b", "--target", "t", "--dataset", "d", "--limit", "0"],
        ["--head", "a=b", "--target", "t", "--dataset", "d", "--limit", "1", "--sample", "1"],
        ["--head", "a=b", "--target", "t", "--dataset", "d", "--seed", "1"], ["--plan", "p", "--seeds", "1,1"],
        ["--plan", "p", "--seeds", "x"], ["--plan", "p", "--size", "S"],
    ])
    func `what cannot be meant is refused before work begins`(options: [String]) throws {
        let folder = try TemporaryFolder()
        let run = try CommandRunner.run("falcon-bench", ["compare", "--output", folder.file("out")] + options)
        #expect(run.status == 64 && run.stderr.hasPrefix("Error: "), "\(run)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
    }
}
