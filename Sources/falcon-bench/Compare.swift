import ArgumentParser
import FalconCommandSupport
import FalconComparison
import FalconDecoding
import FalconTensor
import FalconTokenizer
import FalconTraining
import Foundation

/// `falcon-bench compare`: heads x trees x question files.
struct Compare: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "falcon-bench compare",
        abstract: "Compares draft heads of one target: how much is accepted, what drafting costs, how fast it is.",
        discussion: """
            Each dialogue is answered plainly and then with every head and tree in turn. Heads of one name are seeds of
            one head: figures are means and standard deviations over them. The folder gets compare.json, compare.html
            and compare.md; the same command again goes on where it was stopped.

            Examples:
              falcon-bench compare --target Models/chat --head falcon=Checkpoints/falcon \\
                --head eagle=Checkpoints/eagle --tree chain:4 --tree auto --dataset mt-bench --dataset gsm8k \\
                --limit 20 --output Checkpoints/compared
              falcon-bench compare --plan Recipes/compare-ablation.toml --target Models/chat --seeds 0 \\
                --set data.shards=features --output Checkpoints/ablation
            """,
        version: falconVersion)

    @Option(help: "The target model: a folder or a .gguf file; the plan's where it is left out.")
    var target: String?

    @Option(
        name: .customLong("head"), parsing: .singleValue,
        help: ArgumentHelp(
            """
            A head: an exported folder, a checkpoint or a run of falcon-train; several times, with the same name for \
            seeds of one head.
            """, valueName: "name=folder"))
    var heads: [String] = []

    @Option(help: "A file of rows to train and compare (see Recipes/compare-ablation.toml), in place of --head.")
    var plan: String?

    @Option(name: .customLong("tree"), parsing: .singleValue, help: "As falcon-infer takes it; may be given again.")
    var trees: [String] = []

    @Option(
        name: .customLong("dataset"), parsing: .singleValue,
        help: "A question file or its name, as falcon-infer takes it; may be given again.")
    var datasets: [String] = []

    @Option(help: "The most dialogues of each file, from its start.")
    var limit: Int?

    @Option(help: "So many dialogues of each file, evenly spread over it.")
    var sample: Int?

    @Option(help: "The most tokens of an answer; 512 where it is left out.")
    var maxNewTokens: Int?

    @Option(help: PrecisionHelp.text)
    var precision: ProductArithmetic?

    @Option(help: "Arithmetic of the heads' products, as falcon-infer takes it.")
    var draftPrecision: ProductArithmetic?

    @Flag(help: "Add to the heads' trees what followed where the end of the text came before in it.")
    var lookup = false

    @Flag(help: "Compare heads of another target of the same sizes, too.")
    var allowOtherTarget = false

    @Option(help: "Which checkpoint of a run: best, by its evaluations (where it is left out), or last.")
    var checkpoint: ComparedHead.Checkpoint?

    @Option(help: "The name of the head that all are compared with; the plan's where it is left out.")
    var base: String?

    @Option(help: "--plan: only these rows, with commas between.")
    var rows: String?

    @Option(help: "--plan: these seeds in place of the plan's, with commas between.")
    var seeds: String?

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("--plan: a value of all rows' recipes.", valueName: "section.key=value"))
    var settings: [String] = []

    @Flag(help: "--plan: train nothing; compare the rows that are trained.")
    var trained = false

    @Option(help: "How many seconds --tree auto and dynamic measure rounds before each file (default: 3).")
    var planSeconds: Double?

    @Option(help: "The folder for the report and for what is measured.")
    var output: String

    @OptionGroup(title: "Template")
    var template: TemplateOptions

    @OptionGroup var drawing: DrawingOptions

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (plan == nil) != heads.isEmpty else {
            throw ValidationError("Give --head NAME=FOLDER, one or more, or --plan FILE.")
        }
        for (name, value) in [("--limit", limit), ("--sample", sample), ("--max-new-tokens", maxNewTokens)] {
            if let value, value < 1 { throw ValidationError("\(name) \(value): give 1 or more.") }
        }
        if limit != nil, sample != nil { throw ValidationError("Give --limit or --sample, not both.") }
        if let planSeconds, !(0...3600).contains(planSeconds) {
            throw ValidationError("--plan-seconds \(planSeconds): give 0 to 3600.")
        }
        try drawing.refuseWithoutEffect()
        _ = try members()
        if plan == nil {
            if target == nil { throw ValidationError("Give --target, the model that the heads draft for.") }
            if datasets.isEmpty { throw ValidationError("Give --dataset, one or more, to compare on.") }
            try OptionEffect.refuse(
                [
                    ("--rows", rows != nil), ("--seeds", seeds != nil), ("--set", !settings.isEmpty),
                    ("--trained", trained),
                ], because: "is for --plan.")
        } else {
            _ = try Compare.numbers(seeds)
        }
    }

    /// What `--head` names.
    private func members() throws -> [(name: String, path: String)] {
        try heads.map { text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw ValidationError("--head \(text): give NAME=FOLDER.")
            }
            return (parts[0], parts[1])
        }
    }

    private static func numbers(_ text: String?) throws -> [Int]? {
        guard let text else { return nil }
        let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        let seeds = numbers.compactMap { $0 }.filter { $0 >= 0 }
        guard !seeds.isEmpty, seeds.count == numbers.count, Set(seeds).count == seeds.count else {
            throw ValidationError("--seeds \(text): give different whole numbers from 0, with commas between.")
        }
        return seeds
    }

    func run() throws {
        try RunFiles(
            inputs: [("--target", target), ("--plan", plan)] + members().map { ("--head", $0.path) },
            folders: [("--output", output)]
        ).check()
        let interruption = Interruption()
        let pool = common.makePool()
        let heads: [ComparedHead]
        var options = ComparisonOptions(target: target ?? "", trees: trees, questions: datasets, output: output)
        (options.limit, options.sample) = (limit, sample)
        if let plan {
            heads = try trainedHeads(plan, &options, pool, interruption)
        } else {
            heads = ComparedHead.grouped(
                try members().map { name, path in
                    (name, try ComparedHead.Member(path: path, checkpoint: checkpoint ?? .best))
                })
        }
        if options.trees.isEmpty { options.trees = [TokenTree.Size.medium.rawValue] }
        options.maximumTokens = maxNewTokens ?? options.maximumTokens
        (options.precision, options.draftPrecision) = (precision, draftPrecision)
        options.sampling = SamplingRule(
            temperature: drawing.temperature ?? 0, topP: drawing.topP ?? 1, seed: drawing.seed ?? 0)
        (options.addsLookup, options.allowsOtherTarget) = (lookup, allowOtherTarget)
        options.template = try template.choice
        if let base, !heads.contains(where: { $0.name == base }) {
            throw ValidationError("--base \(base): give the name of one of the heads.")
        }
        options.base = base ?? options.base
        options.planSeconds = planSeconds ?? options.planSeconds
        try compare(options, heads, pool, interruption)
    }

    private func compare(
        _ options: ComparisonOptions, _ heads: [ComparedHead], _ pool: ThreadPool, _ interruption: Interruption
    ) throws {
        var progress: ProgressReporter?
        var listener = HeadComparison.Listener()
        listener.check = { try interruption.check() }
        listener.note = { line in
            if let progress { progress.log(line) } else if !common.quiet { StandardError.print(line) }
        }
        listener.progress = { done, total, tokens in
            let reporter =
                progress
                ?? ProgressReporter(total: total, unit: "answered dialogues", finished: done, quiet: common.quiet)
            progress = reporter
            reporter.update(done, tokens: tokens)
        }
        let comparison = try HeadComparison(options, heads: heads, pool: pool, listener: listener)
        let outcome = Result { try comparison.run() }
        progress?.finish()
        // Also of a comparison that was stopped, or that met a folder in use: then nothing of it is written.
        if case .failure(let error) = outcome, !(error is Interrupted) { throw error }
        let report = ComparisonReport(comparison)
        try report.write(to: options.output)
        try StandardOutput.print(ComparisonTable(report).text)
        if case .failure = outcome { throw StoppedComparison(folder: options.output) }
        if let mismatched = report.mismatchedTokens, mismatched > 0 {
            throw FileError(
                options.output,
                "drafting changed \(counted(mismatched, "token")); that is a defect, please report it")
        }
    }

    /// Trains the rows of a plan, and takes from it what the command line leaves open.
    private func trainedHeads(
        _ path: String, _ options: inout ComparisonOptions, _ pool: ThreadPool, _ interruption: Interruption
    ) throws -> [ComparedHead] {
        var plan = try ComparisonPlan(path: path)
        if let rows { try plan.choose(rows.split(separator: ",").map(String.init), path: path) }
        if let seeds = try Compare.numbers(seeds) {
            plan.seeds = seeds
            for row in plan.rows.indices { plan.rows[row].seeds = nil }
        }
        guard let target = target ?? plan.target else {
            throw FileError(path, "names no target; add target = \"FOLDER\", or give --target")
        }
        options.target = target
        options.base = plan.base
        if datasets.isEmpty { options.questions = plan.questions }
        if trees.isEmpty { options.trees = plan.trees }
        if limit == nil, sample == nil { (options.limit, options.sample) = (plan.limit, plan.sample) }
        options.maximumTokens = plan.maxNewTokens ?? options.maximumTokens
        guard !options.questions.isEmpty else {
            throw FileError(path, "names no questions; add questions = [\"FILE\"], or give --dataset")
        }
        var progress: ProgressReporter?
        var environment = TrainingEnvironment(
            pool: pool, now: { ProcessInfo.processInfo.systemUptime }, date: { Date().timeIntervalSince1970 },
            shouldStop: { interruption.isRequested })
        environment.log = { line in
            if let progress { progress.log(line) } else if !common.quiet { StandardError.print(line) }
        }
        environment.report = { step, total, tokens, _ in
            let reporter =
                progress ?? ProgressReporter(total: total, unit: "steps", finished: step - 1, quiet: common.quiet)
            progress = reporter
            reporter.update(step, tokens: tokens)
        }
        let training = PlannedTraining(
            plan, target: target, settings: settings, output: output, environment: environment)
        try training.check()
        if !trained {
            let isWhole = try training.train { _ in
                progress?.finish()
                progress = nil
            }
            progress?.finish()
            guard isWhole else { throw StoppedComparison(folder: output) }
        }
        let heads = try training.heads(checkpoint: checkpoint ?? .best)
        guard !heads.isEmpty else { throw FileError(output, "holds no trained row yet; leave out --trained") }
        return heads
    }
}

/// The work was stopped from outside; what was finished is kept.
struct StoppedComparison: Error, CustomStringConvertible {
    let folder: String

    var description: String { "interrupted; what was finished is kept in \(folder), the same command goes on" }
}

extension ComparedHead.Checkpoint: ExpressibleByArgument {}
