import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

@Suite struct RecipeTests {
    private func problem(_ toml: String, settings: [String] = []) -> String {
        do {
            _ = try Recipe(toml: toml, source: "r.toml", settings: settings)
            return "accepted"
        } catch {
            return "\(error)"
        }
    }

    @Test func `an empty recipe is the paper's`() throws {
        let recipe = try Recipe(toml: "", source: "r.toml")
        #expect(recipe == Recipe())
        #expect(recipe.optimizer.learningRate == 3e-5)
        #expect(recipe.optimizer.betas == [0.9, 0.95])
        #expect(recipe.schedule.warmupSteps == 2000)
        #expect(recipe.training.epochs == 20)
        #expect(recipe.draft.fusion == .lstm)
        #expect(recipe.loss.softWeight == 0.9)
    }

    @Test(arguments: [
        (
            "[optimizer]\nlearing_rate = 1.0",
            "r.toml: optimizer.learing_rate is not a key of a recipe, did you mean learning_rate?"
        ),
        (
            "[optimiser]\nlearning_rate = 1.0",
            "r.toml: [optimiser] is not a section of this recipe, did you mean optimizer?"
        ),
        (
            "[training]\nepochs = 2.5",
            "r.toml: training.epochs must be a whole number from 1 to 1000000, but is the number 2.5"
        ),
        (
            "[training]\nepochs = 0",
            "r.toml: training.epochs must be a whole number from 1 to 1000000, but is the whole number 0"
        ),
        (
            "[draft]\nfusion = \"lsmt\"",
            "r.toml: draft.fusion must be one of \"lstm\", \"gated\", \"linear\", but is the text \"lsmt\""
        ),
        ("[glance]\nenabled = \"yes\"", "r.toml: glance.enabled must be true or false, but is the text \"yes\""),
        (
            "[optimizer]\nbetas = [0.9]",
            "r.toml: optimizer.betas must be a list of two numbers from 0.0 to 0.999999, but is a list"
        ),
        ("[target]\npath = 7", "r.toml: target.path must be a text in quotes, but is the whole number 7"),
        ("epochs = 3", "r.toml: epochs stands outside every section; write [section] above it"),
        (
            "[draft]\nblock_size = 1",
            "r.toml: glance.enabled needs draft.block_size of at least 2; set it to false for block_size 1"
        ),
        (
            "[data]\nsource = \"online\"",
            "r.toml: data.dataset must name the chats that data.source = \"online\" makes features of"
        ),
        (
            "[data]\ntemplate = \"chat\"",
            "r.toml: data.template must be one of \"auto\", \"chatml\", \"llama2\", \"llama3\", \"mistral\", "
                + "\"vicuna\", but is the text \"chat\""
        ),
        (
            "[loss]\nteacher = \"stored\"\nhard_label = \"sample\"",
            "r.toml: loss.teacher can only be \"stored\" with loss.temperature = 1 and without hard_label = \"sample\""
        ),
        (
            "[loss]\nteacher = \"stored\"\n[data]\nsource = \"online\"",
            "r.toml: loss.teacher can only be \"stored\" with data.source = \"shards\""
        ),
        (
            "[glance]\nshows_truth = false\nloss_on_glanced = true",
            "r.toml: glance.shows_truth = false and glance.loss_on_glanced = true leave nothing of glancing; set "
                + "glance.enabled to false"
        ),
        (
            "[loss]\nsoft_loss = \"acceptance\"\ntemperature = 0.95",
            "r.toml: loss.temperature is of soft_loss = \"divergence\" alone; set one of them back"
        ),
        (
            "[loss]\ndivergence_share = 0.5",
            "r.toml: loss.divergence_share is of soft_loss = \"total_variation\" and \"acceptance\"; without them "
                + "all is the divergence"
        ),
        ("[pretrain]\n[glance]\nenabled = true", "r.toml: [glance] is not a section of this recipe"),
    ])
    func `a wrong recipe gets one line that names the key`(toml: String, expected: String) {
        let line = problem(toml)
        #expect(line.hasPrefix(expected), "\(line)")
        #expect(!line.contains("\n"))
    }

    @Test func `text that is not TOML is refused with its place`() {
        let line = problem("[draft]\nblock_size = = 2")
        #expect(line.contains("line 2"), "\(line)")
        #expect(!line.contains("\n"))
    }

    @Test func `settings replace what the file says`() throws {
        let recipe = try Recipe(
            toml: "[draft]\nblock_size = 2", source: "r.toml",
            settings: [
                "draft.block_size=4", "draft.fusion=gated", "optimizer.learning_rate = 1e-3", "data.shards=some/folder",
                "glance.enabled=false", "optimizer.betas=[0.8, 0.9]",
            ])
        #expect(recipe.draft.blockSize == 4)
        #expect(recipe.draft.fusion == .gated)
        #expect(recipe.optimizer.learningRate == 1e-3)
        #expect(recipe.data.shards == "some/folder")
        #expect(!recipe.glance.enabled)
        #expect(recipe.optimizer.betas == [0.8, 0.9])
        #expect(
            problem("", settings: ["draft.fuson=gated"])
                == "--set: draft.fuson is not a key of a recipe, did you mean fusion?")
        #expect(problem("", settings: ["fusion"]) == "--set: fusion is not of the form section.key=value")
    }

    @Test func `a resolved recipe reads back equal`() throws {
        var recipe = Recipe()
        recipe.target.path = "a \"quoted\" \\ path\twith a tab"
        recipe.optimizer.learningRate = 1.0 / 3
        recipe.draft.fusion = .linear
        #expect(try Recipe(toml: recipe.toml, source: "printed") == recipe)
        recipe = Recipe()
        recipe.pretrain = PretrainSection()
        recipe.model.hidden = 256
        #expect(try Recipe(toml: recipe.toml, source: "printed") == recipe)
    }

    @Test func `every shipped recipe is valid`() throws {
        let folder = Fixtures.folder + "/../../Recipes"
        let names = try Fixtures.contents(of: folder).filter {
            // Plans of comparisons lie beside the recipes that they name.
            $0.hasSuffix(".toml") && !$0.hasPrefix("compare-")
        }
        for name in ["glance", "glance-authors-code", "no-glance", "eagle", "quickstart", "pretrain-quickstart"] {
            #expect(names.contains(name + ".toml"))
        }
        for name in names {
            let recipe = try Recipe(path: folder + "/" + name)
            #expect((recipe.pretrain != nil) == name.hasPrefix("pretrain"))
        }
        #expect(throws: RecipeError.self) { try Recipe(path: folder + "/absent.toml") }
    }

    @Test func `the paper's recipe is the default`() throws {
        #expect(try Recipe(path: Fixtures.folder + "/../../Recipes/glance.toml") == Recipe())
    }
}
