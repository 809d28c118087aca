import FalconAutograd
import FalconCluster
import FalconDigest
import FalconNN
import FalconTensor

/// What a run needs from outside: threads, other ranks, a clock, a way to be stopped and someone to tell.
package struct TrainingEnvironment {
    package var pool: ThreadPool
    /// Those that train with this process. Rank 0 alone writes, logs and evaluates.
    package var cluster: any ClusterCommunicator
    /// Seconds on any steady clock; only rates are made of it.
    package var now: () -> Double
    /// Seconds since 1970, for what TensorBoard shows.
    package var date: () -> Double
    /// Polled between steps; true saves a checkpoint and ends the run.
    package var shouldStop: () -> Bool
    /// Called after each step with what it measured, and the tokens of this run so far.
    package var report: (_ step: Int, _ totalSteps: Int, _ tokens: Int, _ metrics: MetricRecord) -> Void
    /// Called after a step whose parts were timed; see `StepTimeline`.
    package var timeline: (StepTimeline) -> Void
    /// A line for a person.
    package var log: (String) -> Void

    package init(
        pool: ThreadPool, cluster: any ClusterCommunicator = SingleProcess(), now: @escaping () -> Double,
        date: @escaping () -> Double = { 0 }, shouldStop: @escaping () -> Bool = { false },
        report: @escaping (_ step: Int, _ totalSteps: Int, _ tokens: Int, _ metrics: MetricRecord) -> Void = {
            _, _, _, _ in
        },
        timeline: @escaping (StepTimeline) -> Void = { _ in },
        log: @escaping (String) -> Void = { _ in }
    ) {
        self.pool = pool
        self.cluster = cluster
        self.now = now
        self.date = date
        self.shouldStop = shouldStop
        self.report = report
        self.timeline = timeline
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
    private let cluster: any ClusterCommunicator
    private let steps: any StepMaker
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
        cluster = environment.cluster
        if let share = SliceShare(recipe, rank: cluster.rank, of: cluster.size) {
            steps = SlicedSteps(recipe, share: share, task: task, environment: environment)
        } else {
            precondition(cluster.size == 1, "\(cluster.size) ranks share slices, and the recipe has none")
            steps = WholeBatchSteps(recipe, task: task, pool: environment.pool)
        }
        checkpoints = CheckpointStore(folder: try cluster.together { try RunFolder(path: folder) }, recipe: recipe)
        let toml = try recipe.toml
        state = TrainingState(kind: task.kind, recipe: toml, recipeHash: SHA256Digest.hexadecimal(of: Array(toml.utf8)))
        state.random = task.random
        state.fingerprints = task.fingerprints
        let newest = try cluster.together { try checkpoints.folder.latest() }
        let found = try cluster.allGather(values: newest ?? "")
        state = try cluster.together {
            try requireOneFolder(found)
            guard let newest else { return state }
            guard resume else {
                throw FileError(newest, "the run is there already; go on with --resume or choose another --output")
            }
            return try checkpoints.restore(
                from: newest, into: task, steps: steps, expected: state, notes: cluster.rank == 0)
        }
    }

    /// - Throws: `FileError` where the ranks would go on from different checkpoints.
    ///
    /// - Parameter found: the newest one that each rank sees.
    private func requireOneFolder(_ found: [String]) throws {
        guard let other = found.firstIndex(where: { $0 != found[0] }) else { return }
        throw FileError(
            checkpoints.folder.path,
            "rank 0 finds \(found[0].isEmpty ? "no checkpoint" : found[0]) here, and rank \(other) finds "
                + "\(found[other].isEmpty ? "none" : found[other]); give a folder that all machines share")
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
        let log =
            cluster.rank == 0
            ? try RunLog(
                recipe: recipe, folder: checkpoints.folder.path, step: state.step, warnings: warnings,
                date: environment.date) : nil
        for warning in warnings { environment.log("warning: \(warning)") }
        var (tokens, stepStart, savedStep, stepsMade) = (0, environment.now(), state.step, 0)
        if state.step > 0 { environment.log("resumed at step \(state.step) of \(totalSteps)") }
        while state.step < totalSteps, !hasStalled {
            // What one rank is told, all obey: they have to do the same.
            if try cluster.any(environment.shouldStop()) {
                if savedStep != state.step { try save(log) }
                if cluster.rank == 0 { try task.finish() }
                return .stopped(step: state.step)
            }
            let clock = isTimed(stepsMade) ? steps.clock : nil
            clock?.begin()
            var (record, stepTokens) = try step()
            stepsMade += 1
            if let clock { try tell(clock, log) }
            tokens += stepTokens
            // Before anything is saved: weights that are as they began are no result.
            if state.step == totalSteps { try requireLearning() }
            let seconds = max(environment.now() - stepStart, 1e-9)
            record["tokens_per_second"] = .number(Double(stepTokens) / seconds)
            let isEvaluated = state.step == totalSteps || isDue(recipe.evaluation.everySteps)
            let isBest = isEvaluated ? try evaluate(into: &record) : false
            let isLast = state.step == totalSteps || hasStalled
            stepStart = environment.now()
            if isEvaluated || isDue(recipe.logging.everySteps) { try log?.append(record, step: state.step) }
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
        if cluster.rank == 0 { try task.finish() }
        return .finished(step: state.step)
    }

    /// Whether the next step's parts are timed, where it has any: a few after the first, which touches its memory for
    /// the first time, and the run's last.
    private func isTimed(_ stepsMade: Int) -> Bool { (1...3).contains(stepsMade) || state.step == totalSteps - 1 }

    /// One optimizer step, and how long its parts took on this rank; none where steps have no parts worth telling.
    package func timedStep() throws -> (seconds: Double, spans: [StepTimeline.Span]) {
        steps.clock?.begin()
        let start = environment.now()
        _ = try step()
        return (environment.now() - start, steps.clock?.end() ?? [])
    }

    private func tell(_ clock: StepClock, _ log: RunLog?) throws {
        let rank = StepTimeline.Rank(
            spans: clock.end(), momentBytes: steps.momentByteCount, peakMemoryBytes: ProcessMemory.peakByteCount)
        let timeline = StepTimeline(step: state.step, ranks: try cluster.allGather(values: rank))
        try log?.append(timeline)
        environment.timeline(timeline)
    }

    /// Whether any step so far has moved the weights.
    package var hasLearned: Bool { steps.stepCount > 0 }

    private func requireLearning() throws {
        guard !hasLearned else { return }
        let steps = totalSteps == 1 ? "the run's only step" : "any of the run's \(totalSteps) steps"
        guard let lastFailure else {
            try fail(
                "nothing was learned in \(steps): no position of any batch counts; raise data.max_length, lower "
                    + "draft.block_size or train on longer answers")
            return
        }
        try fail(
            "nothing was learned in \(steps), the last one being left out (\(lastFailure)); look at the target, at "
                + "the features and at optimizer.learning_rate")
    }

    /// Measures the held-out data. Returns whether it never looked better.
    private func evaluate(into record: inout MetricRecord) throws -> Bool {
        // On one rank: what it finds decides for all which checkpoint is the best and when to stop.
        let found = try cluster.shared { () -> [Double] in
            let evaluation = try task.evaluate()
            record.append(evaluation)
            return task.merit(of: evaluation).map { [$0] } ?? []
        }
        guard let merit = found.first else { return false }
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
        let outcome = try steps.gather(state.position..<end, progress: progress) { try leaveOut($0, ids: $1) }
        var norm = 0.0
        if outcome.weight > 0 {
            norm = try steps.move(scale: Float(1 / outcome.weight), rate: rate)
            if norm.isFinite {
                failures = 0
            } else {
                try leaveOut("the gradient is not finite", ids: outcome.ids)
            }
        }
        state.step += 1
        state.position = end
        if end >= task.batchCount(epoch: state.epoch) { (state.epoch, state.position) = (state.epoch + 1, 0) }

        var record = MetricRecord()
        record["step"] = .whole(state.step)
        record["epoch"] = .whole(progress.epoch)
        record["tokens"] = .whole(outcome.tokens)
        record.append(outcome.metrics.record)
        record["lr"] = .number(rate)
        record["grad_norm"] = .number(norm)
        return (record, outcome.tokens)
    }

    private func leaveOut(_ reason: String, ids: [String]) throws {
        state.skippedBatches += 1
        failures += 1
        let names = ids.prefix(8).joined(separator: ", ") + (ids.count > 8 ? ", ..." : "")
        let line = "step \(state.step + 1): \(reason) for \(names)"
        lastFailure = line
        if recipe.training.onNonfinite == .stop {
            return try fail("\(line); the weights are as they were before, and the last checkpoint is whole")
        }
        guard failures < TrainingLoop.patience else {
            return try fail(
                "\(line); \(failures) in a row, so lower optimizer.learning_rate or look at these sequences")
        }
        environment.log("\(line); left out")
    }

    /// Ends the run for a reason that all ranks see: one of them says it.
    private func fail(_ reason: String) throws { try cluster.together { throw TrainingError(reason) } }

    private func save(_ log: RunLog?) throws {
        state.random = task.random
        guard let log else { return try steps.write(nil) }
        try checkpoints.save(state, task: task, steps: steps)
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
