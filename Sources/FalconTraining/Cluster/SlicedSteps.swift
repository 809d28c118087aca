import FalconCluster
import FalconNN
import FalconShards
import FalconTensor

/// Steps over batches that are cut into slices, by one process or by several that share them.
///
/// Whatever the number of ranks, the bits are those of one process: each slice is computed by itself, slices are summed
/// along one tree (`GradientTree` within a rank, `BucketReduction` between them), and sums over all weights are made
/// tile by tile. Each rank keeps both moments of its share of the weights, moves that share, and gets the others'.
final class SlicedSteps: StepMaker {
    private let recipe: OptimizerSection
    let task: any TrainingTask
    let cluster: any ClusterCommunicator
    private let pool: ThreadPool
    private let share: SliceShare
    let layout: ShareLayout
    let kept: [[ShareLayout.Stretch]]
    let clock: StepClock?
    private let isRounded: Bool
    var stepCount = 0
    /// Both moments of this rank's share, in the order of `ShareLayout.kept`.
    var first, second: Tensor
    var momentByteCount: Int { 4 * (first.count + second.count) }
    /// The gradient of it, while a step is made.
    private var gradient = Tensor(zeros: [0])

    init(_ recipe: Recipe, share: SliceShare, task: any TrainingTask, environment: TrainingEnvironment) {
        (self.recipe, self.share, self.task) = (recipe.optimizer, share, task)
        (cluster, pool, isRounded) = (environment.cluster, environment.pool, recipe.training.roundsGradients)
        clock = StepClock(now: environment.now)
        layout = ShareLayout(counts: task.parameters.trainable.map(\.value.count), ranks: cluster.size)
        kept = layout.kept(by: cluster.rank)
        let count = layout.count(of: cluster.rank)
        (first, second) = (Tensor(zeros: [count]), Tensor(zeros: [count]))
    }

    func gather(
        _ batches: Range<Int>, progress: TrainingProgress, leaveOut: (_ reason: String, _ ids: [String]) throws -> Void
    ) throws -> StepOutcome {
        gradient = Tensor(zeros: [0])
        let reduction = BucketReduction(
            layout, parameters: task.parameters.trainable.count, isRounded: isRounded, cluster: cluster, pool: pool,
            clock: clock)
        var tree = GradientTree(task.parameters, isRounded: isRounded, pool: pool)
        var reports: [SliceReport] = []
        for slice in share.slices {
            var report = SliceReport()
            tree.beginSlice()
            for index in batches {
                let batch = try timed(.forward, slice) {
                    try task.trainBatch(index, slice: BatchSlice(slice, of: share.count), progress: progress)
                }
                report.tokens += batch.tokens
                guard batch.loss.isFinite else {
                    report.failures.append(.init(reason: "the loss is \(batch.loss)", ids: batch.ids))
                    continue
                }
                report.metrics.add(batch.metrics)
                report.ids += batch.ids
                guard let pass = batch.backward, batch.weight > 0 else { continue }
                report.weight += batch.weight
                // The last pass of all completes sums, and each is sent at once.
                let isLast = slice == share.slices.upperBound - 1 && index == batches.upperBound - 1
                timed(.backward, slice) {
                    if isLast { tree.finish(with: pass, reduction.add) } else { tree.add(pass) }
                }
            }
            timed(.sum, slice) { tree.endSlice() }
            reports.append(report)
        }
        timed(.sum, share.slices.upperBound - 1) { tree.finish(reduction.add) }
        gradient = try timed(.wait) { try reduction.finish() }
        var outcome = StepOutcome()
        let all = try timed(.agree) { try cluster.allGather(values: reports) }
        // In the slices' order, the same on all ranks.
        for report in all.joined() {
            for failure in report.failures { try leaveOut(failure.reason, failure.ids) }
            outcome.weight += report.weight
            outcome.tokens += report.tokens
            outcome.metrics.add(report.metrics)
            outcome.ids += report.ids
        }
        return outcome
    }

    func move(scale: Float, rate: Double) throws -> Double {
        defer { gradient = Tensor(zeros: [0]) }
        let norm = try self.norm() * Double(scale)
        guard norm.isFinite else { return norm }
        var (remaining, limit) = (scale, recipe.valueLimit)
        if recipe.clipNorm > 0 {
            gradient.scale(scale)
            if let limit { gradient.clamp(to: limit) }
            let factor = try recipe.clipNorm / (self.norm() + 1e-6)
            if factor < 1 { gradient.scale(Float(factor)) }
            (remaining, limit) = (1, nil)
        }
        stepCount += 1
        let step = AdamWStep(number: stepCount, learningRate: rate, AdamW.Configuration(recipe))
        timed(.move) {
            for stretch in kept.joined() {
                task.parameters.trainable[stretch.parameter].update { value in
                    step.apply(
                        to: &value, stretch.range, gradient: gradient, at: stretch.start, firstMoment: &first,
                        secondMoment: &second, at: stretch.start, scale: remaining, limit: limit, on: pool)
                }
            }
        }
        try gatherWeights()
        return norm
    }

    private func timed<Result>(
        _ part: StepTimeline.Part, _ number: Int = 0, _ body: () throws -> Result
    ) rethrows -> Result {
        guard let clock else { return try body() }
        return try clock.time(part, number, body)
    }

    /// The length of the whole gradient.
    private func norm() throws -> Double {
        var parts: [Range<Int>] = []
        var start = 0
        for tile in layout.buckets.flatMap({ $0.tiles.ranges[cluster.rank] }) {
            parts.append(start..<start + layout.tiles[tile].range.count)
            start = parts[parts.count - 1].upperBound
        }
        let squares = pool.map(parts.count) { gradient.sumOfSquares(parts[$0]) }
        return layout.sum(try timed(.agree) { try cluster.allGather(values: squares) }).squareRoot()
    }

    /// Gives all ranks the weights that each has moved.
    private func gatherWeights() throws {
        guard cluster.size > 1 else { return }
        let parameters = task.parameters.trainable
        for (index, bucket) in layout.buckets.enumerated() {
            try timed(.allGather, index) {
                var values = Tensor(zeros: [bucket.count])
                for stretch in bucket.stretches {
                    let place = stretch.start..<stretch.start + stretch.range.count
                    values.set(place, from: parameters[stretch.parameter].value, at: stretch.range.lowerBound)
                }
                try cluster.allGather(&values, bucket.shares)
                for stretch in bucket.stretches {
                    parameters[stretch.parameter].update { $0.set(stretch.range, from: values, at: stretch.start) }
                }
            }
        }
    }
}

extension AdamWStep {
    init(number: Int, learningRate: Double, _ configuration: AdamW.Configuration) {
        self.init(
            number: number, learningRate: learningRate, betas: configuration.betas, epsilon: configuration.epsilon,
            weightDecay: configuration.weightDecay)
    }
}
