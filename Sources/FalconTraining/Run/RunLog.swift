import FalconTensor

/// Everything that a run writes for people beside its checkpoints: metrics, TensorBoard's events, the report.
final class RunLog {
    private let recipe: String
    private let folder: String
    private let date: () -> Double
    private let warnings: [String]
    private let metrics: MetricsLog
    private let events: EventFile?
    /// Where steps have parts worth telling.
    private let timelines: MetricsLog?

    /// - Parameters:
    ///   - folder: the run's.
    ///   - step: the step that the run goes on from.
    ///   - warnings: what the run will hardly learn by.
    ///   - date: seconds since 1970.
    init(
        recipe: Recipe, folder: String, step: Int, warnings: [String] = [], date: @escaping () -> Double
    ) throws {
        self.warnings = warnings
        self.recipe = try recipe.toml
        self.folder = folder
        self.date = date
        metrics = try MetricsLog(path: folder + "/metrics.jsonl", resumingAfter: step)
        timelines =
            recipe.training.slices > 0
            ? try MetricsLog(path: folder + "/timeline.jsonl", resumingAfter: step) : nil
        events = recipe.logging.tensorboard ? try EventFile(folder: folder, time: date()) : nil
    }

    func append(_ record: MetricRecord, step: Int) throws {
        try metrics.append(record)
        try events?.append(record, step: step, time: date())
    }

    func append(_ timeline: StepTimeline) throws { try timelines?.append(line: timeline.json) }

    /// Called after each checkpoint: makes the metrics last, and draws the report again.
    func checkpoint() throws {
        try metrics.synchronize()
        try TrainingReport(
            metrics: metrics.path, recipe: recipe, title: title, warnings: warnings, timelines: timelines?.path
        ).write(folder + "/report.html")
    }

    private var title: String { folder.split(separator: "/").last.map(String.init) ?? folder }
}
