import ArgumentParser
import FalconCluster
import FalconCommandSupport
import FalconDataGeneration
import FalconShards
import FalconTensor
import FalconTokenizer

struct GenerateData: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "falcon-gen-data",
        abstract: "Runs chats through a target model and writes its features to shards for training.",
        discussion: """
            A rerun goes on behind the last finished shard; several processes may fill one folder with --part. Started
            by mpirun or srun, each process takes the part of its rank.

            Examples:
              falcon-gen-data --target Models/Qwen2.5-7B-Instruct --dataset sharegpt.json --output Features --plan
              falcon-gen-data --target Models/Qwen2.5-7B-Instruct --dataset sharegpt.json --output Features \\
                --budget 20GB
              falcon-gen-data --target SmolLM2-135M-Instruct.Q4_1.gguf --self-prompts 2000 --output Features
            """,
        version: falconVersion)

    @Option(help: "The target model's folder in Hugging Face's layout.")
    var target: String

    @Option(help: "Chats: .json, .jsonl, or either with .zst behind it. Not needed with --self-prompts.")
    var dataset: String?

    @Option(help: "The folder for the shards and their manifest.json.")
    var output: String

    @Option(help: "Tokens of a conversation beyond this many are cut off.")
    var maxLength = 2048

    @Option(help: "How features are stored: \(FeatureStorage.allCases.map(\.rawValue).joined(separator: ", ")).")
    var dtype = FeatureStorage.bfloat16

    @Option(help: PrecisionHelp.text)
    var precision: ProductArithmetic?

    @Option(help: "Conversations in a shard.")
    var conversationsPerShard = 256

    @Option(help: "Take the conversations A:B only: from number A up to, without, B, counted from 0.")
    var range: ConversationRange?

    @Option(
        help: "Make part I of N of the shards, I from 1 to N; under mpirun or srun the rank's, else all of them.")
    var part: RunPart?

    @Flag(
        help: "Print what the run would take (disk, hours, memory) and which rows it would cut or skip; write nothing.")
    var plan = false

    @Option(help: "The most the folder may take, e.g. 20GB; conversations drawn evenly from the input fill it.")
    var budget: ByteAmount?

    @Option(
        help: ArgumentHelp(
            "Store the target's N most likely next tokens with each token too, for loss.teacher = \"stored\".",
            valueName: "n"))
    var teacherStatistics: Int?

    @Option(
        help: ArgumentHelp(
            "Store the states of these decoder layers too, e.g. 8,16 (from 1 on), for draft.auxiliary_layers.",
            valueName: "layers"))
    var auxiliaryLayers: String?

    @Option(help: "zstd's compression level, 1 (quick) to 19 (small).")
    var zstdLevel = ShardWriter.usualLevel

    @Flag(help: "Leave out dialogues that repeat an earlier one word for word.")
    var dropDuplicates = false

    @OptionGroup(title: "Answers by the target")
    var regeneration: RegenerateOptions

    @OptionGroup(title: "Template")
    var template: TemplateOptions

    @Option(help: "Tokens that go through the target together; a matter of memory and pace, not of the result.")
    var batchTokens: Int?

    @Option(help: "Write the run's figures to this file as JSON; - is standard output.")
    var json: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard maxLength >= 2 else { throw ValidationError("--max-length \(maxLength): give 2 or more.") }
        guard conversationsPerShard >= 1 else {
            throw ValidationError("--conversations-per-shard \(conversationsPerShard): give 1 or more.")
        }
        guard batchTokens ?? 1 >= 1 else { throw ValidationError("--batch-tokens: give 1 or more.") }
        guard (dataset == nil) != (regeneration.selfPrompts == nil) else {
            throw ValidationError(
                dataset == nil
                    ? "Missing expected argument '--dataset <dataset>', or --self-prompts N, which needs none."
                    : "--self-prompts needs no data set; leave out --dataset, or answer its prompts with --regenerate.")
        }
        guard !regeneration.answers || (!plan && budget == nil) else {
            throw ValidationError(
                "--plan and --budget go by the data set's own answers; leave out "
                    + "\(regeneration.selfPrompts == nil ? "--regenerate" : "--self-prompts").")
        }
        if regeneration.selfPrompts != nil {
            try OptionEffect.refuse(
                [("--range", range != nil), ("--drop-duplicates", dropDuplicates)],
                because: "is for --dataset; --self-prompts makes as many as are asked for, without duplicates.")
        }
        guard teacherStatistics ?? 1 >= 1 else { throw ValidationError("--teacher-statistics: give 1 or more.") }
        guard auxiliaryLayers.map({ LayerNumbers.read($0) != nil }) ?? true else {
            throw ValidationError(
                "--auxiliary-layers \(auxiliaryLayers ?? ""): give numbers of layers from 1 on, ascending, each once, "
                    + "as in 8,16.")
        }
        guard (1...19).contains(zstdLevel) else { throw ValidationError("--zstd-level \(zstdLevel): give 1 to 19.") }
        // The names of a GGUF file's templates are known when it is opened.
        if !target.lowercased().hasSuffix(".gguf"),
            let problem = TemplateChoice(template.template ?? "auto").problem(folder: target)
        {
            throw ValidationError(problem)
        }
    }

    /// The part that the options or a launcher ask for.
    private var ownPart: RunPart {
        part ?? CommandRanks.launch.flatMap { RunPart("\($0.rank + 1)/\($0.size)") } ?? .whole
    }

    /// Whether this process speaks for all that a launcher started; all of them do where each was given its part.
    private var isFirst: Bool { part != nil || CommandRanks.launch?.rank ?? 0 == 0 }

    func run() throws {
        // A plan is the same for all.
        guard isFirst || !plan else { return }
        try RunFiles(
            inputs: [
                ("--target", target), ("--dataset", dataset), ("--draft", regeneration.draft),
                ("--tree", regeneration.tree),
            ], files: [("--json", isFirst ? json : nil)], folders: plan ? [] : [("--output", output)]
        ).check()
        let interruption = Interruption()
        var options = GenerationOptions(target: target, dataset: dataset ?? "", output: output)
        if let prompts = regeneration.selfPromptOptions {
            options = GenerationOptions(target: target, selfPrompts: prompts, output: output)
        }
        options.maxLength = maxLength
        options.storage = dtype
        options.arithmetic = precision
        options.conversationsPerShard = conversationsPerShard
        options.range = range
        options.part = ownPart
        options.template = try template.choice
        options.batchTokens = batchTokens
        options.budget = budget
        options.zstdLevel = zstdLevel
        options.teacherEntries = teacherStatistics
        options.auxiliaryLayers = auxiliaryLayers.flatMap(LayerNumbers.read) ?? []
        options.dropsDuplicates = dropDuplicates

        options.regeneration = regeneration.options
        if plan {
            let plan = try GenerationPlan(options, pool: common.makePool())
            if !common.quiet { plan.notes.forEach(StandardError.print) }
            try Figures.write(plan.lines, plan, json: json)
            return
        }
        let generator = try makeGenerator(options, interruption)
        let reporter = ProgressReporter(
            total: generator.conversationCount, unit: "conversations", finished: generator.finishedCount,
            quiet: common.quiet || !isFirst)
        generator.notes.forEach(reporter.log)
        let report: GenerationReport
        do {
            // Also behind an error: its line must not be glued to the bar.
            defer { reporter.finish() }
            report = try generator.run { progress in
                reporter.update(progress.conversations, tokens: progress.tokens)
                try interruption.check()
            }
        }
        try Figures.write(report.lines, report, json: isFirst ? json : nil)
    }

    /// Shows how far the target is with writing prompts, where it does.
    private func makeGenerator(_ options: GenerationOptions, _ interruption: Interruption) throws -> FeatureGenerator {
        let prompts = regeneration.selfPrompts
        let reporter = ProgressReporter(
            total: prompts ?? 0, unit: "prompts", finished: 0, quiet: common.quiet || prompts == nil || !isFirst)
        defer { if prompts != nil { reporter.finish() } }
        return try FeatureGenerator(options, pool: common.makePool()) { progress in
            if prompts != nil { reporter.update(progress.kept, tokens: progress.tokens) }
            try interruption.check()
        }
    }
}

extension FeatureStorage: ExpressibleByArgument {}

extension RunPart: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
    public var defaultValueDescription: String { "\(number)/\(count)" }
}

extension ByteAmount: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension ConversationRange: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

GenerateData.launch()
