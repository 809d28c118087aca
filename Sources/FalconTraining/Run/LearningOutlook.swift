import FalconNN
import Foundation

/// What a recipe's run will hardly learn by, known before its first step: nobody should find out after hours that the
/// learning rate never left its warm-up.
struct LearningOutlook {
    /// A line each; empty where nothing stands out.
    let warnings: [String]

    /// - Parameters:
    ///   - schedule: of the run, as `Recipe.learningRateSchedule` gives it.
    ///   - totalSteps: optimizer steps of the whole run.
    init(recipe: Recipe, schedule: LearningRateSchedule, totalSteps: Int) {
        var warnings: [String] = []
        if let line = LearningOutlook.rate(schedule, totalSteps) { warnings.append(line) }
        if recipe.pretrain == nil, recipe.draft.dropout >= 1, recipe.draft.fusion != .linear {
            warnings.append(
                "draft.dropout is 1: nothing gets from the fusion's first layer to its second, so that the head never "
                    + "sees its input; lower it")
        }
        self.warnings = warnings
    }

    private static func rate(_ schedule: LearningRateSchedule, _ total: Int) -> String? {
        guard total > 0 else { return nil }
        guard schedule.baseRate > 0 else {
            return "optimizer.learning_rate is 0: no step learns anything; the paper's is 3e-5"
        }
        let warmup = schedule.warmupSteps
        // The rate rises up to the end of the warm-up and falls from there.
        let highest =
            [0, warmup - 1, warmup, total - 1].filter { (0..<total).contains($0) }.map(schedule.rate).max() ?? 0
        let shown = { (rate: Double) in String(format: "%.2g", rate) }
        let tenth = max(1, total / 10)
        guard highest > 0 else {
            return "the learning rate is 0 in all of the run's \(total) steps; lower schedule.warmup_steps, which is "
                + "\(warmup), or train longer"
        }
        if warmup >= total {
            return "the warm-up of \(warmup) steps is not over at the end of the run's \(total): the learning rate "
                + "gets no higher than \(shown(highest)) of \(shown(schedule.baseRate)); lower schedule.warmup_steps, "
                + "e.g. to \(tenth)"
        }
        if schedule.kind != .constant, max(warmup, schedule.totalSteps) < total {
            let end = max(warmup, schedule.totalSteps)
            return "the learning rate is 0 from step \(end) on, so that \(total - end) of the run's \(total) steps "
                + "learn nothing; raise schedule.total_steps, which is \(schedule.totalSteps), or set it to 0 for the "
                + "run's end"
        }
        if 3 * warmup > total {
            return "the warm-up takes \(warmup) of the run's \(total) steps; lower schedule.warmup_steps, e.g. to "
                + "\(tenth)"
        }
        return nil
    }
}
