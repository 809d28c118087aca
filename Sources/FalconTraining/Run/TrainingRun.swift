import FalconCluster
import FalconModels
import FalconShards
import FalconTensor
import Foundation

/// A training run as the command starts it: from a recipe to a finished folder.
package struct TrainingRun {
    /// Makes the features of a recipe's chats as they are needed. Handed in, because it lies a layer above.
    package typealias OnlineSource = (
        _ target: String, _ dataset: String, _ template: String, _ maxLength: Int, _ auxiliaryLayers: [Int],
        _ pool: ThreadPool, _ log: (String) -> Void
    ) throws -> any FeatureSequences

    package private(set) var recipe: Recipe
    private let online: OnlineSource
    /// The run's folder.
    package let folder: String

    /// - Parameters:
    ///   - folder: where checkpoints and logs go; `Checkpoints/NAME` after the recipe's file where it is `nil`.
    ///   - online: what `data.source = "online"` takes.
    /// - Throws: `RecipeError` in one line.
    package init(recipePath: String, settings: [String], folder: String?, online: @escaping OnlineSource) throws {
        self.online = online
        recipe = try Recipe(path: recipePath, settings: settings)
        let name = ((recipePath as NSString).lastPathComponent as NSString).deletingPathExtension
        self.folder = folder ?? "Checkpoints/\(name)"
    }

    /// Has the ranks that a launcher started share the run.
    ///
    /// - Throws: `RecipeError` where the recipe cannot be shared by so many.
    package mutating func share(by cluster: any ClusterCommunicator) throws {
        recipe = try recipe.shared(by: cluster)
    }

    /// Trains to the end, or until the environment says stop. With several ranks all of them call it.
    package func run(resume: Bool, environment: TrainingEnvironment) throws -> TrainingOutcome {
        let cluster = environment.cluster
        // The folder first: a run that cannot be saved should not read gigabytes of features before it says so.
        let lock = try cluster.together { try cluster.rank == 0 ? RunFolder(path: folder).lock() : nil }
        return try withExtendedLifetime(lock) {
            let task = try cluster.together { try makeTask(folder: folder, environment: environment) }
            return try TrainingLoop(
                recipe: recipe, task: task, folder: folder, resume: resume, environment: environment
            ).run()
        }
    }

    /// Runs a few steps that are thrown away and says what the whole run will take.
    package func estimate(steps: Int = 3, environment: TrainingEnvironment) throws -> RunEstimate {
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("falcon-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        let task = try makeTask(folder: scratch, environment: environment)
        return try RunEstimate(recipe: recipe, task: task, steps: steps, folder: scratch, environment: environment)
    }

    private func makeTask(folder: String, environment: TrainingEnvironment) throws -> any TrainingTask {
        try recipe.checkExchange()
        guard recipe.pretrain == nil else {
            let make = {
                try TargetPretraining(recipe: recipe, folder: folder, pool: environment.pool, log: environment.log)
            }
            // The first one learns the tokenizer, which the others then find in the run's folder.
            let cluster = environment.cluster
            let first = try cluster.together { try cluster.rank == 0 ? make() : nil }
            return try first ?? make()
        }
        let share = SliceShare(recipe, rank: environment.cluster.rank, of: environment.cluster.size)
        let model = try ModelSource(path: recipe.target.path)
        let target = try EmbeddingAndHead(model, checkedOn: environment.pool)
        let source: any FeatureSequences =
            switch recipe.data.source {
            case .shards: try FeatureStore(folder: recipe.data.shards)
            case .online:
                try online(
                    recipe.target.path, recipe.data.dataset, recipe.data.template.rawValue, recipe.data.maxLength,
                    recipe.draft.auxiliaryLayers, environment.pool, environment.log)
            }
        let tokenizer = try model.tokenizer()
        return try DraftTraining(
            recipe: recipe, target: target, tokenizer: tokenizer.fingerprint, byteTokens: tokenizer.byteTokens,
            source: source, model: model, share: share, pool: environment.pool, log: environment.log)
    }
}

/// What a run will take, measured on a few steps.
package struct RunEstimate: Codable, Sendable {
    package let steps: Int
    package let epochs: Int
    package let trainableParameters: Int
    package let secondsPerStep: Double
    package let tokensPerSecond: Double
    package let secondsPerEvaluation: Double
    /// Steps and evaluations.
    package let secondsInAll: Double
    package let peakMemoryBytes: Int
    /// Weights and both moments of the optimizer in float32, times the checkpoints that are kept and the best one.
    package let checkpointBytes: Int
    /// What the run will hardly learn by, a line each.
    package let warnings: [String]

    enum CodingKeys: String, CodingKey {
        case steps, epochs, warnings
        case trainableParameters = "trainable_parameters"
        case secondsPerStep = "seconds_per_step"
        case tokensPerSecond = "tokens_per_second"
        case secondsPerEvaluation = "seconds_per_evaluation"
        case secondsInAll = "seconds_in_all"
        case peakMemoryBytes = "peak_memory_bytes"
        case checkpointBytes = "checkpoint_bytes"
    }

    /// Runs whole steps, the optimizer's part too, the last one on the largest batch, and an evaluation, so that all
    /// memory that a run needs is touched: saving needs less.
    ///
    /// - Parameter folder: of the run that is not kept.
    init(
        recipe: Recipe, task: any TrainingTask, steps measured: Int, folder: String, environment: TrainingEnvironment
    ) throws {
        let loop = try TrainingLoop(
            recipe: recipe, task: task, folder: folder, resume: false, environment: environment)
        steps = loop.totalSteps
        epochs = recipe.training.epochs
        trainableParameters = task.parameters.trainableCount
        let every = recipe.training.checkpointEverySteps
        let written = every > 0 ? (loop.totalSteps + every - 1) / every : 1
        let keep = recipe.training.keepCheckpoints
        let kept = (keep > 0 ? min(keep, written) : written) + 1
        checkpointBytes = kept * 4 * (task.modelValueCount + 2 * trainableParameters)
        var warnings = loop.warnings
        // The first step touches its memory for the first time and is not like the others.
        var (tokens, taken, start) = (0, 0, environment.now())
        // All ranks have to do the same.
        let isStopped = { try environment.cluster.any(environment.shouldStop()) }
        for number in 0..<min(measured + 1, loop.totalSteps) {
            if try isStopped() { break }
            let stepTokens = try loop.step().tokens
            if number == 0, loop.totalSteps > 1 {
                start = environment.now()
            } else {
                tokens += stepTokens
                taken += 1
            }
        }
        let seconds = max(environment.now() - start, 1e-9)
        if try !isStopped() {
            _ = try loop.step(from: task.largestBatch)
            if !loop.hasLearned { warnings.append("none of the steps that were tried learned anything") }
        }
        self.warnings = warnings
        let evaluationStart = environment.now()
        if try !isStopped() { _ = try task.evaluate() }
        secondsPerEvaluation = environment.now() - evaluationStart
        let interval = recipe.evaluation.everySteps
        let evaluations = interval > 0 ? (loop.totalSteps + interval - 1) / interval : 1
        secondsPerStep = seconds / Double(max(1, taken))
        tokensPerSecond = Double(tokens) / seconds
        secondsInAll = secondsPerStep * Double(steps) + secondsPerEvaluation * Double(evaluations)
        peakMemoryBytes = ProcessMemory.peakByteCount
    }
}
