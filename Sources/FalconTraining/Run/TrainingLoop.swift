import FalconAutograd
import FalconDigest
import FalconNN
import FalconTensor

/// What a run needs from outside: threads, a clock, a way to be stopped and someone to tell.
package struct TrainingEnvironment {
    package var pool: ThreadPool
    /// Seconds on any steady clock; only rates are made of it.
    package var now: () -> Double
    /// Seconds since 1970, for what TensorBoard shows.
    package var date: () -> Double
    /// Polled between steps; true saves a checkpoint and ends the run.
    package var shouldStop: () -> Bool
    /// Called after each step with what it measured, and the tokens of this run so far.
    package var report: (_ step: Int, _ totalSteps: Int, _ tokens: Int, _ metrics: MetricRecord) -> Void
    /// A line for a person.
    package var log: (String) -> Void

    package init(
        pool: ThreadPool, now: @escaping () -> Double, date: @escaping () -> Double = { 0 },
        shouldStop: @escaping () -> Bool = { false },
        report: @escaping (_ step: Int, _ totalSteps: Int, _ tokens: Int, _ metrics: MetricRecord) -> Void = {
            _, _, _, _ in
        },
        log: @escaping (String) -> Void = { _ in }
    ) {
        self.pool = pool
        self.now = now
        self.date = date
        self.shouldStop = shouldStop
        self.report = report
        self.log = log
    }
}

/// How a run ended.
package enum TrainingOutcome: Equatable, Sendable {
    case finished(step: Int)
    /// Stopped from outside; the checkpoint is written.
    case stopped(step: Int)
}

/// Trains a task step by step, with checkpoints, metrics and resuming: the same for a draft head and a target.
///
/// After each optimizer step the whole state is a function of what the checkpoint holds, so that a run that was
/// stopped anywhere goes on bit by bit as if it had not been.
package final class TrainingLoop {
    private let recipe: Recipe
    private let task: any TrainingTask
    private let environment: TrainingEnvironment
    private var optimizer: AdamW
    private var state: TrainingState
    private let checkpoints: CheckpointStore
    private let schedule: LearningRateSchedule
    /// Batches without a finite loss, in a row.
    private var failures = 0
    /// Why the last of them was left out.
    private var lastFailure: String?
    /// What the run will hardly learn by, a line each.
    package private(set) var warnings: [String]
    /// Steps of the whole run.
    package let totalSteps: Int

    /// Batches without a finite loss that may follow each other before the run gives up.
    private static let patience = 10

    /// Prepares a run in `folder`, new or resumed.
    ///
    /// - Parameters:
    ///   - resume: whether to go on from the newest checkpoint, if there is one. Without it a folder that holds one is
    ///     refused, so that nothing finished is lost.
    /// - Throws: `FileError` or `RecipeError` in one line.
    package init(
        recipe: Recipe, task: any TrainingTask, folder: String, resume: Bool, environment: TrainingEnvironment
    ) throws {
        self.recipe = recipe
        self.task = task
        self.environment = environment
        totalSteps = TrainingLoop.totalSteps(recipe: recipe, task: task)
        schedule = recipe.learningRateSchedule(totalSteps: totalSteps)
        warnings = LearningOutlook(recipe: recipe, schedule: schedule, totalSteps: totalSteps).warnings
        optimizer = AdamW(
            task.parameters,
            AdamW.Configuration(
                betas: (recipe.optimizer.betas[0], recipe.optimizer.betas[1]),
                weightDecay: recipe.optimizer.weightDecay))
        checkpoints = CheckpointStore(folder: try RunFolder(path: folder), recipe: recipe)
        let toml = try recipe.toml
        state = TrainingState(kind: task.kind, recipe: toml, recipeHash: SHA256Digest.hexadecimal(of: Array(toml.utf8)))
        state.random = task.random
        state.fingerprints = task.fingerprints
        guard let newest = try checkpoints.folder.latest() else { return }
        guard resume else {
            throw FileError(newest, "the run is there already; go on with --resume or choose another --output")
        }
        state = try checkpoints.restore(from: newest, into: task, optimizer: &optimizer, expected: state)
    }

    /// Optimizer steps of the whole run: the epochs, or `training.max_steps` if that is less.
    package static func totalSteps(recipe: Recipe, task: any TrainingTask) -> Int {
        let limit = recipe.training.maxSteps
        var steps = 0
        for epoch in 0..<recipe.training.epochs {
            let batches = task.batchCount(epoch: epoch)
            steps += (batches + recipe.training.accumulation - 1) / recipe.training.accumulation
            if batches == 0 || (limit > 0 && steps >= limit) { break }
        }
        return limit > 0 ? min(steps, limit) : steps
    }

    /// Runs to the end, or until it is stopped.
    ///
    /// - Throws: `TrainingError` where the loss stays without a finite value, `FileError` where the disk fails.
    package func run() throws -> TrainingOutcome {
        let log = try RunLog(
            recipe: recipe, folder: checkpoints.folder.path, step: state.step, warnings: warnings,
            date: environment.date)
        for warning in warnings { environment.log("warning: \(warning)") }
        var (tokens, stepStart, savedStep) = (0, environment.now(), state.step)
        if state.step > 0 { environment.log("resumed at step \(state.step) of \(totalSteps)") }
        while state.step < totalSteps, !hasStalled {
            if environment.shouldStop() {
                if savedStep != state.step { try save(log) }
                try task.finish()
                return .stopped(step: state.step)
            }
            var (record, stepTokens) = try step()
            tokens += stepTokens
            // Before anything is saved: weights that are as they began are no result.
            if state.step == totalSteps { try requireLearning() }
            let seconds = max(environment.now() - stepStart, 1e-9)
            record["tokens_per_second"] = .number(Double(stepTokens) / seconds)
            let isEvaluated = state.step == totalSteps || isDue(recipe.evaluation.everySteps)
            let isBest = isEvaluated ? try evaluate(into: &record) : false
            let isLast = state.step == totalSteps || hasStalled
            stepStart = environment.now()
            if isEvaluated || isDue(recipe.logging.everySteps) { try log.append(record, step: state.step) }
            environment.report(state.step, totalSteps, tokens, record)
            if isLast || isBest || isDue(recipe.training.checkpointEverySteps) {
                try save(log)
                savedStep = state.step
            }
        }
        if hasStalled, let best = state.bestStep {
            environment.log(
                "ended at step \(state.step): \(recipe.evaluation.earlyStopping) evaluations were no better than that "
                    + "of step \(best)")
        }
        if state.skippedBatches > 0 {
            let count = state.skippedBatches
            environment.log("\(count) \(count == 1 ? "batch was" : "batches were") left out on the way")
        }
        try task.finish()
        return .finished(step: state.step)
    }

    /// Whether any step so far has moved the weights.
    package var hasLearned: Bool { optimizer.stepCount > 0 }

    private func requireLearning() throws {
        guard !hasLearned else { return }
        let steps = totalSteps == 1 ? "the run's only step" : "any of the run's \(totalSteps) steps"
        guard let lastFailure else {
            throw TrainingError(
                "nothing was learned in \(steps): no position of any batch counts; raise data.max_length, lower "
                    + "draft.block_size or train on longer answers")
        }
        throw TrainingError(
            "nothing was learned in \(steps), the last one being left out (\(lastFailure)); look at the target, at "
                + "the features and at optimizer.learning_rate")
    }

    /// Measures the held-out data. Returns whether it never looked better.
    private func evaluate(into record: inout MetricRecord) throws -> Bool {
        let evaluation = try task.evaluate()
        record.append(evaluation)
        guard let merit = task.merit(of: evaluation) else { return false }
        guard merit.isFinite, merit > state.bestMerit ?? -.infinity else {
            state.staleEvaluations = (state.staleEvaluations ?? 0) + 1
            return false
        }
        (state.bestStep, state.bestMerit, state.staleEvaluations) = (state.step, merit, nil)
        return true
    }

    /// Whether early stopping is asked for, and due.
    private var hasStalled: Bool {
        recipe.evaluation.earlyStopping > 0 && (state.staleEvaluations ?? 0) >= recipe.evaluation.earlyStopping
    }

    private func isDue(_ interval: Int) -> Bool { interval > 0 && state.step % interval == 0 }

    /// One optimizer step over `training.accumulation` batches, fewer at an epoch's end. Writes nothing.
    ///
    /// - Parameter batch: the first batch's number in its epoch, where it is not the one whose turn it is.
    /// - Returns: what it measured, and how many tokens it read.
    /// - Throws: `TrainingError` where the loss stays without a finite value.
    package func step(from batch: Int? = nil) throws -> (record: MetricRecord, tokens: Int) {
        if let batch { (state.epoch, state.position) = (0, batch) }
        let progress = TrainingProgress(
            epoch: state.epoch, epochs: recipe.training.epochs, step: state.step, totalSteps: totalSteps)
        let end = min(state.position + recipe.training.accumulation, task.batchCount(epoch: state.epoch))
        let rate = schedule.rate(at: state.step)
        var gradients = ParameterGradients(noneFor: task.parameters)
        var metrics = MetricMeans()
        var (weight, tokens, norm) = (0.0, 0, 0.0)
        var ids: [String] = []
        for index in state.position..<end {
            let batch = try task.trainBatch(index, progress: progress)
            tokens += batch.tokens
            guard batch.loss.isFinite else {
                try leaveOut("the loss is \(batch.loss)", ids: batch.ids)
                continue
            }
            metrics.add(batch.metrics)
            ids += batch.ids
            guard let pass = batch.backward, batch.weight > 0 else { continue }
            weight += batch.weight
            gradients.add(pass)
        }
        if weight > 0 {
            norm = move(by: &gradients, scale: Float(1 / weight), rate: rate)
            if norm.isFinite {
                failures = 0
            } else {
                try leaveOut("the gradient is not finite", ids: ids)
            }
        }
        state.step += 1
        state.position = end
        if end >= task.batchCount(epoch: state.epoch) { (state.epoch, state.position) = (state.epoch + 1, 0) }

        var record = MetricRecord()
        record["step"] = .whole(state.step)
        record["epoch"] = .whole(progress.epoch)
        record["tokens"] = .whole(tokens)
        record.append(metrics.record)
        record["lr"] = .number(rate)
        record["grad_norm"] = .number(norm)
        return (record, tokens)
    }

    /// Moves all parameters, once it is known that every gradient is finite: a step is taken as a whole or not at all.
    ///
    /// - Returns: the length of the scaled gradient before clipping; where it is not finite, nothing has moved.
    private func move(by gradients: inout ParameterGradients, scale: Float, rate: Double) -> Double {
        let (parameters, pool) = (task.parameters, environment.pool)
        let norm = gradients.norm(on: pool) * Double(scale)
        guard norm.isFinite else { return norm }
        let limit = recipe.optimizer.clipValue > 0 ? Float(recipe.optimizer.clipValue) : nil
        var remaining = scale
        if recipe.optimizer.clipNorm > 0 {
            // The length to limit is the one behind the clipping by value.
            gradients.scale(by: scale)
            if let limit { gradients.clip(toValue: limit) }
            gradients.clip(toNorm: recipe.optimizer.clipNorm, on: pool)
            remaining = 1
        }
        optimizer.beginStep()
        for index in 0..<gradients.count {
            optimizer.update(
                index, of: parameters, gradients.take(index), learningRate: rate, scale: remaining,
                limit: recipe.optimizer.clipNorm > 0 ? nil : limit, on: pool)
        }
        return norm
    }

    private func leaveOut(_ reason: String, ids: [String]) throws {
        state.skippedBatches += 1
        failures += 1
        let names = ids.prefix(8).joined(separator: ", ") + (ids.count > 8 ? ", ..." : "")
        let line = "step \(state.step + 1): \(reason) for \(names)"
        lastFailure = line
        if recipe.training.onNonfinite == .stop {
            throw TrainingError("\(line); the weights are as they were before, and the last checkpoint is whole")
        }
        guard failures < TrainingLoop.patience else {
            throw TrainingError(
                "\(line); \(failures) in a row, so lower optimizer.learning_rate or look at these sequences")
        }
        environment.log("\(line); left out")
    }

    private func save(_ log: RunLog) throws {
        state.random = task.random
        try checkpoints.save(state, task: task, optimizer: optimizer)
        try log.checkpoint()
    }
}

/// Training cannot go on: why, in one line.
package struct TrainingError: Error, CustomStringConvertible, Equatable {
    package let description: String

    package init(_ description: String) { self.description = description }
}

extension Recipe {
    /// The learning rate over the steps; the end of the run is the end of the schedule where the recipe names none.
    func learningRateSchedule(totalSteps: Int) -> LearningRateSchedule {
        let kind: LearningRateSchedule.Kind =
            switch schedule.kind {
            case .linear: .linear
            case .cosine: .cosine
            case .constant: .constant
            }
        return LearningRateSchedule(
            kind, baseRate: optimizer.learningRate, warmupSteps: schedule.warmup(totalSteps: totalSteps),
            totalSteps: schedule.totalSteps > 0 ? schedule.totalSteps : totalSteps)
    }
}

extension ProductPrecision {
    /// What a recipe's `training.precision` means to the tape.
    init(_ precision: TrainingSection.Precision) {
        switch precision {
        case .float32: self = .float32
        case .bfloat16: self = .bfloat16
        }
    }
}
