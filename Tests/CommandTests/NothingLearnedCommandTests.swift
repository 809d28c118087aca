import FalconTestSupport
import Foundation
import Testing

/// `falcon-train` where nothing, or hardly anything, can be learned, and what it says to those who want to go on.
@Suite(.serialized) struct NothingLearnedCommandTests {
    private struct Scene {
        let folder: TemporaryFolder
        let recipe: String

        init() throws {
            folder = try TemporaryFolder()
            let features = folder.file("features")
            _ = try PipelineCommandTests.succeed(
                "falcon-gen-data",
                [
                    "--target", PipelineCommandTests.target, "--dataset", PipelineCommandTests.chats, "--output",
                    features, "--range", "0:24", "--max-length", "96", "--quiet",
                ])
            recipe = try folder.write(
                PipelineCommandTests.recipe(target: PipelineCommandTests.target, shards: features), to: "recipe.toml")
        }

        func train(_ run: String, _ settings: String..., options: [String] = []) throws -> CommandRunner.Result {
            try CommandRunner.run(
                "falcon-train",
                ["--recipe", recipe, "--output", folder.file(run), "--threads", "1"]
                    + settings.flatMap { ["--set", $0] } + options)
        }
    }

    @Test func `nothing to learn is refused in one line, hardly anything is warned of`() throws {
        let scene = try Scene()
        let cut = try scene.train("cut", "data.max_length=4", options: ["--quiet"])
        #expect(cut.status == 1 && cut.stderr.split(separator: "\n").count == 1, "\(cut)")
        #expect(cut.stderr.contains("data.max_length = 4 cuts the answer of every sequence off"))
        let left = try Fixtures.contents(of: scene.folder.file("cut"))
        #expect(left.allSatisfy { !$0.hasPrefix("step-") }, "\(left)")

        let slow = try scene.train("slow", "schedule.warmup_steps=2000", "training.max_steps=3")
        #expect(slow.status == 0 && slow.stderr.contains("warning: the warm-up of 2000 steps"), "\(slow.stderr)")
        let page = try String(contentsOfFile: scene.folder.file("slow/report.html"), encoding: .utf8)
        #expect(page.contains("Warning:") && page.contains("the warm-up of 2000 steps"))
        let figures = scene.folder.file("dry.json")
        let dry = try scene.train(
            "dry", "optimizer.learning_rate=0", options: ["--dry-run", "--json", figures])
        #expect(dry.status == 0 && dry.stdout.contains("warning          optimizer.learning_rate is 0"), "\(dry)")
        let json = try String(contentsOfFile: figures, encoding: .utf8)
        #expect(json.contains("\"warnings\"") && json.contains("optimizer.learning_rate is 0"))
        let fine = try scene.train("fine", options: ["--dry-run"])
        #expect(fine.status == 0 && !(fine.stdout + fine.stderr).contains("warning"), "\(fine)")
    }

    @Test func `more epochs on a run that has ended points to a new run from its weights`() throws {
        let scene = try Scene()
        #expect(try scene.train("run", "training.max_steps=2").status == 0)
        for setting in ["training.epochs=5", "training.max_steps=9", "optimizer.learning_rate=0.01"] {
            let more = try scene.train("run", "training.max_steps=2", setting, options: ["--resume"])
            #expect(more.status == 1, "\(more)")
            #expect(more.stderr.contains("another \(setting.prefix { $0 != "=" })"), "\(more.stderr)")
            #expect(more.stderr.contains("--set draft.init_from=") && more.stderr.contains("/run/step-000002"))
        }
        let other = try scene.train("run", "training.max_steps=2", "draft.block_size=3", options: ["--resume"])
        #expect(other.status == 1 && !other.stderr.contains("init_from"), "\(other.stderr)")
        // What it points to works.
        let on = try scene.train("on", "training.max_steps=2", "draft.init_from=" + scene.folder.file("run"))
        #expect(on.status == 0 && on.stderr.contains("starts from "), "\(on.stderr)")
    }

    @Test(arguments: [
        "draft.blok_size=2", "draft.block_size=two", "draft.block_size=0", "nothing.key=1", "key=1", "draft.block_size",
        "draft.block_size=1", "loss.hard_label=best", "optimizer.betas=[1,2]", "evaluation.tree=nowhere", "=", "a.=1",
    ])
    func `a bad setting is wrong usage, in one line`(setting: String) throws {
        let folder = try TemporaryFolder()
        let recipe = try folder.write("", to: "recipe.toml")
        let result = try CommandRunner.run(
            "falcon-train", ["--recipe", recipe, "--output", folder.file("run"), "--set", setting])
        #expect(result.status == 64, "\(result)")
        #expect(result.stderr.hasPrefix("falcon-train: --set: ") && result.stderr.split(separator: "\n").count == 1)
        #expect(try folder.contents == ["recipe.toml"])
        // The same in the file is a mistake of the file.
        try folder.write("[draft]\nblock_size = 1\n", to: "recipe.toml")
        #expect(
            try CommandRunner.run("falcon-train", ["--recipe", recipe, "--output", folder.file("run")]).status == 1)
    }
}
