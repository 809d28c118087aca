import FalconNN
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

/// Runs that cannot learn, or hardly, say so: before they begin where that can be known, else at their end.
@Suite struct NothingLearnedTests {
    private let pool = ThreadPool(threadCount: 1)

    private func warnings(_ settings: String..., steps: Int) throws -> [String] {
        let recipe = try Recipe(toml: "", source: "test", settings: settings)
        return LearningOutlook(
            recipe: recipe, schedule: recipe.learningRateSchedule(totalSteps: steps), totalSteps: steps
        ).warnings
    }

    @Test func `learning rates that never get anywhere are named`() throws {
        func only(_ settings: String..., steps: Int) throws -> String {
            let recipe = try Recipe(toml: "", source: "test", settings: settings)
            let warnings = LearningOutlook(
                recipe: recipe, schedule: recipe.learningRateSchedule(totalSteps: steps), totalSteps: steps
            ).warnings
            #expect(warnings.count == 1 && !warnings.contains { $0.contains("\n") })
            return warnings.first ?? ""
        }
        #expect(try only("optimizer.learning_rate=0", steps: 9000).contains("learning_rate is 0"))
        #expect(try only(steps: 5).contains("warm-up of 2000 steps is not over at the end of the run's 5"))
        #expect(try only(steps: 2000).contains("no higher than 3e-05 of 3e-05"))
        #expect(try only(steps: 1).contains("0 in all of the run's 1 steps"))
        #expect(try only(steps: 2001).contains("takes 2000 of the run's 2001 steps"))
        #expect(try only(steps: 5999).contains("e.g. to 599"))
        #expect(try warnings(steps: 6000).isEmpty)
        // The schedule ends before the warm-up does, or before the run.
        for kind in ["linear", "cosine"] {
            let kind = "schedule.kind=\(kind)"
            #expect(
                try only(kind, "schedule.warmup_steps=100", "schedule.total_steps=50", steps: 1000)
                    .contains("0 from step 100 on, so that 900 of the run's 1000 steps"))
            #expect(
                try only(kind, "schedule.warmup_steps=10", "schedule.total_steps=400", steps: 1000)
                    .contains("0 from step 400 on"))
        }
        #expect(
            try warnings(
                "schedule.kind=constant", "schedule.warmup_steps=10", "schedule.total_steps=40", steps: 1000
            ).isEmpty)
        #expect(try warnings("schedule.warmup_steps=0", steps: 1).isEmpty)
        #expect(try warnings("schedule.warmup_share=0.05", steps: 40).isEmpty)
        #expect(try only("schedule.warmup_share=1", steps: 40).contains("warm-up of 40 steps"))
    }

    @Test func `a warm-up as a share follows the run's length`() throws {
        let recipe = try Recipe(toml: "", source: "test", settings: ["schedule.warmup_share=0.1"])
        #expect(recipe.learningRateSchedule(totalSteps: 600).warmupSteps == 60)
        #expect(recipe.learningRateSchedule(totalSteps: 4).warmupSteps == 0)
        #expect(try Recipe(toml: "", source: "test").learningRateSchedule(totalSteps: 600).warmupSteps == 2000)
    }

    @Test func `dropout of everything is named where there is something to drop`() throws {
        #expect(try warnings("draft.dropout=1", steps: 9000).first?.contains("draft.dropout is 1") == true)
        #expect(try warnings("draft.dropout=1", "draft.fusion=linear", steps: 9000).isEmpty)
        #expect(try warnings("draft.dropout=0.9", steps: 9000).isEmpty)
    }

    @Test func `dropout of everything leaves zeros, forward and back`() {
        var values = Tensor([1, -2, 3e38, 0], [4])
        var random = RandomSource(seed: 1)
        values.drop(1, from: &random)
        #expect(values.scalars.allSatisfy { $0 == 0 })
        var halved = Tensor([1, 1, 1, 1], [4])
        halved.drop(0.5, from: &random)
        #expect(halved.scalars.allSatisfy { $0 == 0 || $0 == 2 })
    }

    @Test(arguments: ["lstm", "gated"]) func `a head trains under dropout of everything without a NaN`(
        fusion: String
    ) throws {
        let example = try DraftExample(sequences: 20, pool: pool)
        let temporary = try TemporaryFolder()
        var lines: [String] = []
        let records = try example.train(
            try example.recipe(["draft.dropout=1", "draft.fusion=\(fusion)", "training.max_steps=3"]),
            temporary.file("run"), log: { lines.append($0) })
        #expect(records.allSatisfy { $0.number("loss")?.isFinite == true && ($0.number("grad_norm") ?? 0) > 0 })
        #expect(lines.contains { $0.hasPrefix("warning: draft.dropout is 1") })
        let page = try String(contentsOfFile: temporary.file("run/report.html"), encoding: .utf8)
        #expect(page.contains("<strong>Warning:</strong> draft.dropout is 1"))
    }

    @Test func `sequences in which no position counts are refused before the first step`() throws {
        let example = try DraftExample(sequences: 20, pool: pool)
        func problem(_ settings: String...) -> String {
            do {
                _ = try example.task(try example.recipe(settings))
                return ""
            } catch { return "\(error)" }
        }
        // Answers begin with token 5; the first position to count asks for it.
        #expect(problem("data.max_length=5").contains("data.max_length = 5 cuts the answer of every sequence off"))
        #expect(problem("data.max_length=6") == "")
        #expect(problem("data.max_length=6", "glance.mask_shift=authors").contains("data.max_length = 6 cuts"))
        #expect(problem("draft.block_size=40").contains("lies further than 40 tokens in"))
        #expect(problem("draft.block_size=40").hasSuffix("or lower draft.block_size"))
        #expect(problem("draft.block_size=40", "loss.hard_label=data").contains("nothing would be learned"))
        #expect(!problem("data.max_length=5").contains("\n"))
    }

    @Test(arguments: [1, 3, 9]) func `a run whose every step is left out is no finished run`(steps: Int) throws {
        let temporary = try TemporaryFolder()
        let task = try ToyTask(pool: pool)
        task.poisoned = Set(0..<5)
        let recipe = try Recipe(
            toml: "[schedule]\nwarmup_steps = 0\n[training]\nmax_steps = \(steps)", source: "test")
        let loop = try TrainingLoop(
            recipe: recipe, task: task, folder: temporary.file("run"), resume: false,
            environment: TrainingEnvironment(pool: pool, now: { 0 }))
        #expect {
            try loop.run()
        } throws: { error in
            let line = "\(error)"
            return line.hasPrefix("nothing was learned in ") && line.contains("the loss is nan") && !line.contains("\n")
        }
        // Nothing that looks like a result is left.
        #expect(try Fixtures.contents(of: temporary.file("run")).allSatisfy { !$0.hasPrefix("step-") })
    }

    @Test func `one step that learned is enough, and what was left out is counted`() throws {
        let temporary = try TemporaryFolder()
        let task = try ToyTask(pool: pool)
        (task.poisoned, task.spared) = (Set(0..<5), 1)
        let recipe = try Recipe(toml: "[schedule]\nwarmup_steps = 0\n[training]\nmax_steps = 4", source: "test")
        var lines: [String] = []
        let outcome = try TrainingLoop(
            recipe: recipe, task: task, folder: temporary.file("run"), resume: false,
            environment: TrainingEnvironment(pool: pool, now: { 0 }, log: { lines.append($0) })
        ).run()
        #expect(outcome == .finished(step: 4))
        #expect(lines.contains("3 batches were left out on the way"))
    }

    @Test func `batches in which nothing counts make no finished run`() throws {
        let temporary = try TemporaryFolder()
        let task = try ToyTask(pool: pool)
        task.weights = [0]
        let recipe = try Recipe(toml: "[training]\nmax_steps = 4", source: "test")
        #expect {
            try TrainingLoop(
                recipe: recipe, task: task, folder: temporary.file("run"), resume: false,
                environment: TrainingEnvironment(pool: pool, now: { 0 })
            ).run()
        } throws: { "\($0)".contains("no position of any batch counts") }
    }

    @Test(arguments: [
        ("loss.feature_weight=0 loss.distill_weight=0", "both 0, so that nothing would be learned"),
        ("data.validation_fraction=1", "from 0.0 to 0.9"), ("training.epochs=0", "from 1 to"),
        ("training.batch_size=0", "from 1 to"), ("optimizer.betas=[0.9,1.0]", "two numbers from 0.0 to 0.999999"),
        ("optimizer.betas=[-0.1,0.9]", "two numbers from"), ("optimizer.learning_rate=-1", "from 0.0 to 10.0"),
        ("optimizer.learning_rate=nan", "from 0.0"), ("draft.dropout=1.5", "from 0.0 to 1.0"),
        ("optimizer.clip_value=-1", "from 0.0"), ("training.max_steps=-1", "from 0 to"),
        ("schedule.warmup_share=2", "from 0.0 to 1.0"),
    ])
    func `settings with which nothing can be learned are refused as wrong usage`(settings: String, words: String) {
        #expect {
            try Recipe(
                toml: "", source: "r.toml", settings: settings.split(separator: " ").map(String.init))
        } throws: { error in
            guard let error = error as? RecipeError else { return false }
            return error.isUsage && error.source == "--set" && error.description.contains(words)
        }
    }

    @Test func `a recipe's own mistake is no wrong usage, a setting that clashes with it is`() {
        func isUsage(_ toml: String, _ settings: String...) -> Bool? {
            do {
                _ = try Recipe(toml: toml, source: "r.toml", settings: settings)
                return nil
            } catch { return (error as? RecipeError)?.isUsage }
        }
        #expect(isUsage("[draft]\nblock_size = 1") == false)
        #expect(isUsage("", "draft.block_size=1") == true)
        #expect(
            isUsage("", "draft.block_size") == true && isUsage("", "a.b.c=1") == true && isUsage("", "x.y=1") == true)
        #expect(isUsage("[x]\ny = 1") == false && isUsage("", "evaluation.tree=nowhere") == true)
    }
}
