import ArgumentParser
import FalconCluster
import FalconCommandSupport
import FalconDataGeneration
import FalconTensor
import FalconTraining
import Foundation

struct Train: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "falcon-train",
        abstract: "Trains a draft head, or a small target, as a recipe says.",
        discussion: """
            EXAMPLE
              falcon-train --recipe Recipes/glance.toml --set target.path=models/llama \\
                  --set data.shards=features --output Checkpoints/llama-draft

            Ctrl-C saves a checkpoint; the same command with --resume goes on bit by bit as if it had not stopped.

            Built with the package's trait MPI, 'mpirun -n 4 falcon-train --recipe ...' trains one head on four ranks,
            to the same bits as on one; see docs/cluster.md.
            """,
        version: falconVersion)

    @Option(help: "The recipe, a TOML file.")
    var recipe: String

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp(
            "Replaces a value of the recipe; may be given several times.", valueName: "section.key=value"))
    var settings: [String] = []

    @Option(help: "The run's folder; Checkpoints/NAME after the recipe's file where it is left out.")
    var output: String?

    @Flag(help: "Go on from the newest checkpoint of the run's folder; start there if it has none.")
    var resume = false

    @Flag(help: "Measure a few steps, print what the whole run will take, and write nothing.")
    var dryRun = false

    @Option(help: "Write the figures of --dry-run, or the last step's, as JSON to this file; - for standard output.")
    var json: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        try CommandRanks.run(Train._commandName) { try run(on: $0) }
    }

    private func run(on cluster: any ClusterCommunicator) throws {
        let run = try cluster.together {
            let run = try makeRun(on: cluster)
            // One rank writes.
            guard cluster.rank == 0 else { return run }
            try RunFiles(
                inputs: [("--recipe", recipe)] + run.recipe.inputs.map { ($0.key, $0.path) },
                files: [("--json", json)], folders: dryRun ? [] : [("--output", run.folder)]
            ).check()
            return run
        }
        let interruption = Interruption()
        let environment = TrainingEnvironment(
            pool: common.makePool(on: cluster), cluster: cluster, now: { ProcessInfo.processInfo.systemUptime },
            date: { Date().timeIntervalSince1970 },
            shouldStop: { interruption.isRequested },
            log: { if !isQuiet(cluster) { StandardError.print($0) } })
        if dryRun { return try printEstimate(run, environment) }
        try train(run, environment)
    }

    private func isQuiet(_ cluster: any ClusterCommunicator) -> Bool { common.quiet || cluster.rank > 0 }

    /// - Throws: `ExitCode` of wrong usage where a `--set` is to blame; its line is printed.
    private func makeRun(on cluster: any ClusterCommunicator) throws -> TrainingRun {
        do {
            var run = try TrainingRun(
                recipePath: recipe, settings: settings, folder: output,
                online: OnlineFeatures.init(target:dataset:template:maxLength:auxiliaryLayers:pool:log:))
            if CommandRanks.launch != nil { try run.share(by: cluster) }
            return run
        } catch let error as RecipeError where error.isUsage {
            if cluster.rank == 0 { StandardError.print("\(Train._commandName): \(ErrorLine.text(of: error))") }
            throw ExitCode(EX_USAGE)
        }
    }

    private func train(_ run: TrainingRun, _ environment: TrainingEnvironment) throws {
        var environment = environment
        let cluster = environment.cluster
        var progress: ProgressReporter?
        var (last, acceptLength) = (MetricRecord(), Double?.none)
        environment.report = { step, totalSteps, tokens, metrics in
            // The first report knows where the run starts and ends.
            let reporter =
                progress
                ?? ProgressReporter(total: totalSteps, unit: "steps", finished: step - 1, quiet: isQuiet(cluster))
            progress = reporter
            acceptLength = metrics.number("accept_length_tree") ?? acceptLength
            reporter.update(step, tokens: tokens, note: Train.note(metrics, acceptLength: acceptLength))
            last = metrics
        }
        var timelines: [String] = []
        environment.timeline = { timelines.append($0.json) }
        environment.log = { line in
            if let progress { progress.log(line) } else if !isQuiet(cluster) { StandardError.print(line) }
        }
        let outcome: TrainingOutcome
        do {
            // Also behind an error: its line must not be glued to the bar.
            defer { progress?.finish() }
            outcome = try run.run(resume: resume, environment: environment)
        }
        last["peak_memory_bytes"] = .whole(ProcessMemory.peakByteCount)
        last["ranks"] = .whole(cluster.size)
        if !timelines.isEmpty { last["timeline"] = .document("[\(timelines.joined(separator: ","))]") }
        if let json, cluster.rank == 0 {
            try JSONOutput.write(text: last.json, to: json)
        }
        switch outcome {
        case .finished(let step): environment.log("\(run.folder): finished at step \(step)")
        case .stopped(let step):
            try cluster.together { throw StoppedRun(folder: run.folder, step: step) }
        }
    }

    private func printEstimate(_ run: TrainingRun, _ environment: TrainingEnvironment) throws {
        let estimate = try run.estimate(environment: environment)
        guard environment.cluster.rank == 0 else { return }
        func megabytes(_ bytes: Int) -> String { String(format: "%.1f MB", Double(bytes) / 1e6) }
        let lines = """
            steps            \(estimate.steps) in \(counted(estimate.epochs, "epoch")) at most
            parameters       \(estimate.trainableParameters) trainable
            time per step    \(String(format: "%.3f s", estimate.secondsPerStep))
            per evaluation   \(String(format: "%.3f s", estimate.secondsPerEvaluation))
            tokens per second \(Int(estimate.tokensPerSecond))
            time in all      \(String(format: "%.0f s", estimate.secondsInAll))
            peak memory      \(megabytes(estimate.peakMemoryBytes))
            checkpoints      \(megabytes(estimate.checkpointBytes)) on disk
            """
        let warnings = estimate.warnings.map { "warning          \($0)" }
        try Figures.write([lines] + warnings, estimate, json: json)
    }

    /// What stands behind the progress bar.
    ///
    /// - Parameter acceptLength: of the last evaluation.
    private static func note(_ metrics: MetricRecord, acceptLength: Double?) -> String {
        let loss = metrics.number("loss").map { String(format: "loss %.3f", $0) }
        let length = acceptLength.map { String(format: "accept length %.2f", $0) }
        return [loss, length].compactMap { $0 }.joined(separator: ", ")
    }
}

/// The run was stopped from outside; its checkpoint is whole.
struct StoppedRun: Error, CustomStringConvertible {
    let folder: String
    let step: Int

    var description: String { "interrupted; \(folder) is saved at step \(step), go on with --resume" }
}

Train.launch()
