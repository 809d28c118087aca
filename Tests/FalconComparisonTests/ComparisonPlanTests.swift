import FalconTensor
import FalconTestSupport
import FalconTraining
import Testing

@testable import FalconComparison

@Suite struct ComparisonPlanTests {
    private func plan(_ toml: String) throws -> ComparisonPlan {
        try ComparisonPlan(toml: Array(toml.utf8), path: "plans/plan.toml")
    }

    @Test func `keys of the plan and of its rows are read`() throws {
        let plan = try plan(
            """
            target = "chat"
            recipe = "glance.toml"
            questions = ["gsm8k"]
            trees = ["chain:8", "medium"]
            seeds = [2, 0]
            steps = 600
            sample = 16
            base = "k3"
            max_new_tokens = 160
            settings = ["data.shards=features"]
            [[rows]]
            name = "glance"
            [[rows]]
            name = "k3"
            note = "three"
            recipe = "other.toml"
            settings = ["draft.block_size=3"]
            seeds = [7]
            steps = 5
            [[rows]]
            name = "shipped"
            head = "Checkpoints/head"
            """)
        #expect(plan.target == "chat" && plan.trees == ["chain:8", "medium"] && plan.seeds == [2, 0])
        #expect(
            plan.steps == 600 && plan.sample == 16 && plan.base == "k3" && plan.maxNewTokens == 160 && plan.limit == nil
        )
        #expect(plan.rows.map(\.name) == ["glance", "k3", "shipped"])
        #expect(plan.rows.map(\.recipe) == ["glance.toml", "other.toml", "glance.toml"])
        #expect(plan.rows[1].settings == ["draft.block_size=3"] && plan.rows[1].seeds == [7] && plan.rows[1].steps == 5)
        #expect(plan.rows[2].head == "Checkpoints/head" && plan.folder == "plans")
    }

    @Test(arguments: [
        ("", "[[rows]]"), ("rows = 3", "[[rows]]"), ("rows = [3]", "tables"),
        ("seed = [1]\n[[rows]]\nname = \"a\"", "seed is"),
        ("[[rows]]\nrecipe = \"r\"", "rows[0].name"), ("[[rows]]\nname = \"a/b\"\nrecipe = \"r\"", "rows[0].name"),
        ("[[rows]]\nname = \"..\"\nrecipe = \"r\"", "rows[0].name"), ("[[rows]]\nname = \"a\"", "rows[0].recipe"),
        ("recipe = \"r\"\n[[rows]]\nname = \"a\"\n[[rows]]\nname = \"a\"", "rows[1].name"),
        ("recipe = \"r\"\n[[rows]]\nname = \"a\"\nsteps = 0", "rows[0].steps"),
        ("recipe = \"r\"\nseeds = [1, 1]\n[[rows]]\nname = \"a\"", "seeds must"),
        ("recipe = 3\n[[rows]]\nname = \"a\"", "recipe must"),
        ("trees = \"medium\"\n[[rows]]\nname = \"a\"", "trees must"),
        ("base = \"b\"\nrecipe = \"r\"\n[[rows]]\nname = \"a\"", "base 'b'"),
        ("[[rows]]\nname = \"a\"\ncolour = 3", "rows[0].colour"), ("a = [", "no TOML at line"),
    ])
    func `what is no plan is refused in a line that names the key`(toml: String, words: String) {
        let error = #expect(throws: FileError.self) { _ = try plan(toml) }
        #expect(
            error?.description.contains(words) == true && error?.path == "plans/plan.toml",
            "\(String(describing: error))")
        #expect(error?.description.contains("\n") == false)
    }

    @Test func `every shipped plan names recipes that are there, with settings that they take`() throws {
        let folder = Fixtures.repository + "/Recipes"
        let names = try Fixtures.contents(of: folder).filter { $0.hasPrefix("compare-") }
        #expect(names.contains("compare-ablation.toml"))
        for name in names {
            let plan = try ComparisonPlan(path: folder + "/" + name)
            let output = try TemporaryFolder()
            func check(_ settings: [String]) throws {
                try PlannedTraining(
                    plan, target: output.path, settings: settings, output: output.path,
                    environment: TrainingEnvironment(pool: ThreadPool(threadCount: 1), now: { 0 })
                ).check()
            }
            try check(["data.shards=\(output.path)"])
            let error = #expect(throws: FileError.self) { try check(["data.shards=\(output.path)/absent"]) }
            #expect(error?.description.contains("absent: is not there; row '\(plan.rows[0].name)'") == true)
        }
    }

    @Test func `rows are chosen by name`() throws {
        var plan = try plan("recipe = \"r\"\n[[rows]]\nname = \"a\"\n[[rows]]\nname = \"b\"")
        let error = #expect(throws: FileError.self) { try plan.choose(["c"], path: "p") }
        #expect(error?.description.contains("no row 'c'; it has a, b") == true)
        try plan.choose(["b"], path: "p")
        #expect(plan.rows.map(\.name) == ["b"])
    }

    @Test func `questions are spread evenly, and the last one is among them`() {
        #expect(QuestionSet.spread(Array(1...10), 3) == [3, 6, 10] && QuestionSet.spread([1, 2], 5) == [1, 2])
        #expect(QuestionSet.spread(Array(1...80), 16).count == 16)
    }

    @Test func `a log goes on behind its last whole line`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("{\"dialogue\":0,\"turns\":[]}\n{\"dialogue\":1,\"tu", to: "log.jsonl")
        let log = try LineLog<PlainDialogue>(path: path)
        #expect(log.lines.map(\.dialogue) == [0])
        try log.append(try #require(LineLog<PlainDialogue>.read(path).first))
        #expect(LineLog<PlainDialogue>.read(path).count == 2)
        #expect(String(decoding: try folder.bytes("log.jsonl"), as: UTF8.self).split(separator: "\n").count == 2)
    }

    @Test func `names of files tell settings apart and hold nothing that a file's name may not have`() {
        let name = ComparisonFile.name(["a/b", "chain:3"], key: ["x"])
        #expect(name.hasPrefix("a-b_chain-3-") && name.hasSuffix(".jsonl") && !name.contains("/"))
        #expect(name != ComparisonFile.name(["a/b", "chain:3"], key: ["y"]))
    }
}
