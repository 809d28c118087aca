import FalconDataGeneration
import FalconTensor
import FalconTraining
import Foundation

/// Trains the heads of a plan, by the code of `falcon-train`: each row and seed in a folder of its own,
/// `OUTPUT/rows/NAME/seed-N`. What is trained is not trained again, and what was stopped goes on bit by bit.
package struct PlannedTraining {
    /// A row's head with one seed.
    package struct Item: Sendable {
        package let row: ComparisonPlan.Row
        package let seed: Int
        package let folder: String
    }

    private let plan: ComparisonPlan
    private let target: String
    private let extra: [String]
    private let environment: TrainingEnvironment
    private let output: String

    /// - Parameters:
    ///   - target: the plan's, or another in its place.
    ///   - settings: of all rows, behind the plan's own.
    ///   - environment: of every run; its `log` is told which one begins.
    package init(
        _ plan: ComparisonPlan, target: String, settings: [String], output: String, environment: TrainingEnvironment
    ) {
        (self.plan, self.target, extra, self.output) = (plan, target, settings, output)
        self.environment = environment
    }

    /// All rows with the first seed, then all with the next, so that there is something to compare early.
    package var items: [Item] {
        let trained = plan.rows.filter { $0.head == nil }
        var seeds: [Int] = []
        for seed in trained.flatMap({ $0.seeds ?? plan.seeds }) where !seeds.contains(seed) { seeds.append(seed) }
        return seeds.flatMap { seed in
            trained.filter { ($0.seeds ?? plan.seeds).contains(seed) }.map { row in
                Item(row: row, seed: seed, folder: "\(output)/rows/\(row.name)/seed-\(seed)")
            }
        }
    }

    /// Reads the recipes of all rows, so that a mistake in the last one is not found hours later.
    ///
    /// - Throws: `RecipeError` or `FileError` where a recipe is wrong, a row was trained by other settings, or what it
    ///   reads is not there.
    package func check() throws {
        for item in items {
            let run = try run(item)
            try checkSettings(item, run)
            guard !PlannedTraining.isTrained(item) else { continue }
            // The target has more forms than one path; the first row opens it at once.
            for (key, path) in run.recipe.inputs
            where key != "target.path" && !FileManager.default.fileExists(atPath: path) {
                throw FileError(
                    path,
                    "is not there; row '\(item.row.name)' reads it (\(key)). Make it, set \(key), or choose other rows "
                        + "with --rows")
            }
        }
    }

    /// Trains what is not trained yet.
    ///
    /// - Parameter begin: told which run begins.
    /// - Returns: whether all of it is; where it was stopped from outside, it is not.
    package func train(begin: (Item) -> Void = { _ in }) throws -> Bool {
        for item in items where !PlannedTraining.isTrained(item) {
            let run = try run(item)
            try checkSettings(item, run)
            try HeadComparison.makeFolder(item.folder)
            try AtomicFile.write(item.folder + "/recipe.toml", text: try run.recipe.toml)
            environment.log("\(item.row.name), seed \(item.seed): training")
            begin(item)
            guard case .finished(let step) = try run.run(resume: true, environment: environment) else { return false }
            try AtomicFile.write(item.folder + "/finished", text: "\(step)\n")
        }
        return true
    }

    /// The heads to compare: of rows with a recipe what is trained by now.
    package func heads(checkpoint: ComparedHead.Checkpoint) throws -> [ComparedHead] {
        try plan.rows.compactMap { row in
            let paths =
                row.head.map { [$0] }
                ?? items.filter { $0.row.name == row.name && PlannedTraining.isTrained($0) }.map { $0.folder + "/run" }
            guard !paths.isEmpty else { return nil }
            return ComparedHead(
                name: row.name, note: row.note,
                members: try paths.map { try ComparedHead.Member(path: $0, checkpoint: checkpoint) })
        }
    }

    private static func isTrained(_ item: Item) -> Bool {
        FileManager.default.fileExists(atPath: item.folder + "/finished")
    }

    private func run(_ item: Item) throws -> TrainingRun {
        let steps = (item.row.steps ?? plan.steps).map { ["training.max_steps=\($0)"] } ?? []
        let run = try TrainingRun(
            recipePath: plan.recipePath(item.row.recipe ?? ""),
            settings: ["target.path=\(target)"] + plan.settings + steps + item.row.settings + extra
                + ["training.seed=\(item.seed)", "draft.init_seed=\(item.seed)"],
            folder: item.folder + "/run",
            online: OnlineFeatures.init(target:dataset:template:maxLength:auxiliaryLayers:pool:log:))
        guard run.recipe.pretrain == nil else {
            throw FileError(
                plan.recipePath(item.row.recipe ?? ""),
                "row '\(item.row.name)' trains a target, not a draft head; choose another recipe")
        }
        return run
    }

    private func checkSettings(_ item: Item, _ run: TrainingRun) throws {
        let path = item.folder + "/recipe.toml"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return }
        // Read, so that keys which came later have their defaults.
        if let earlier = try? Recipe(toml: text, source: path), earlier == run.recipe { return }
        throw FileError(
            item.folder, "was trained by other settings (see recipe.toml there); remove it, or choose another --output")
    }
}
