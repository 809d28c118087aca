import ArgumentParser
import FalconBenchmark
import FalconCommandSupport
import FalconDraft
import FalconTensor

/// The jobs that `falcon-bench` measures.
enum Job: String, CaseIterable, ExpressibleByArgument {
    case trainStep = "train-step"
    case genFeatures = "gen-features"
    case decode
    case verifyCurve = "verify-curve"
    case batch
    case draft
    case kernels
    case storage
    case randomTarget = "random-target"
    case plan
}

extension BenchmarkSize: ExpressibleByArgument {}
extension FusionKind: ExpressibleByArgument {}
extension ElementType: ExpressibleByArgument {}

struct Benchmark: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "falcon-bench",
        abstract: "Measures how fast the toolkit's own code runs on this machine.",
        discussion: """
            Examples:
              falcon-bench verify-curve --size M --dtype bfloat16 --json curve.json
              falcon-bench decode --target model.Q4_K_M.gguf --dtype stored
              falcon-bench batch --size L --texts 64 --json batch.json
              falcon-bench draft --target model.Q4_K_M.gguf --dtype stored --draft Checkpoints/head
              falcon-bench random-target --config models/qwen/config.json --layers 4 --output random-qwen
              falcon-bench plan --target-config models/llama/config.json --dialogues 68000 --ranks 64 --network 25
              falcon-bench compare --target model --head a=Checkpoints/a --head b=Checkpoints/b --dataset mt-bench \\
                --output compared

            compare has options of its own: falcon-bench compare --help.
            random-target measures nothing: it writes a model of random weights, to try what one of a shape takes. plan
            measures a training step of a --size here and says what training a head on machines like this one takes.
            """,
        version: falconVersion)

    @Argument(help: "One of: \(Job.allCases.map(\.rawValue).joined(separator: ", ")), and compare.")
    var job: Job

    @Option(help: "S (where it is left out), M or L: hidden 256, 1024 or 2048 (random weights).")
    var size: BenchmarkSize?

    @Option(
        help: """
            Weights and arithmetic of products: \(ProductArithmetic.allCases.map(\.rawValue).joined(separator: ", ")) \
            (in blocks of 4 and 6 bits); bfloat16 where it is left out.
            """)
    var dtype: ProductArithmetic?

    @Option(
        help: """
            train-step, draft, plan: how the head fuses its inputs: lstm (where it is left out), gated or linear.
            """)
    var fusion: FusionKind?

    @Option(help: "draft: --dtype of the head, where it is not the target's.")
    var headDtype: ProductArithmetic?

    @Flag(inversion: .prefixedNo, help: "train-step, plan: glancing's first pass.")
    var glance: Bool?

    @Option(help: "train-step: the target's N likeliest tokens from statistics, as with loss.teacher = \"stored\".")
    var teacherStatistics: Int?

    @Flag(help: "train-step: compute activations again in the backward pass.")
    var recompute = false

    @Option(help: "train-step: a vocabulary other than the size's own.")
    var vocabulary: Int?

    @Option(help: "train-step: a hidden size other than the size's own, a multiple of 64.")
    var hidden: Int?

    @Option(
        help: """
            decode, batch, verify-curve, gen-features, draft: a model folder or .gguf file in place of a size; \
            storage: the model whose LM head shows the damage, against the features given.
            """)
    var target: String?

    @Option(
        help: ArgumentHelp(
            """
            batch: the most texts in a pass, 32 where it is left out, to \(Benchmark.mostTexts); powers of two below \
            are measured, too.
            """, valueName: "n"))
    var texts: Int?

    @Option(help: "draft: a head of the --target, in place of random weights.")
    var draft: String?

    @OptionGroup var storage: StorageOptions

    @OptionGroup var random: RandomTargetOptions

    @OptionGroup var plan: PlanOptions

    @Option(help: "Write the figures as one JSON object to this file.")
    var json: String?

    @OptionGroup var common: CommonOptions

    static let mostTexts = 1024

    func validate() throws {
        guard (1...Benchmark.mostTexts).contains(texts ?? 1) else {
            throw ValidationError("--texts \(texts ?? 0): give 1 to \(Benchmark.mostTexts).")
        }
        guard (1...64).contains(teacherStatistics ?? 1) else {
            throw ValidationError("--teacher-statistics must be 1 to 64.")
        }
        guard (vocabulary ?? 1) > 0 else { throw ValidationError("--vocabulary must be at least 1.") }
        guard (hidden ?? 64) > 0, (hidden ?? 64) % 64 == 0 else {
            throw ValidationError("--hidden must be a multiple of 64.")
        }
        try refuseOptionsOfOtherJobs()
        guard draft == nil || target != nil else {
            throw ValidationError("--draft is a head of a model: name that with --target.")
        }
        guard job != .randomTarget || [.float32, .bfloat16].contains(dtype ?? .bfloat16) else {
            throw ValidationError("random-target has --dtype float32 and bfloat16.")
        }
        guard ![.trainStep, .plan].contains(job) || [.float32, .bfloat16].contains(dtype ?? .bfloat16) else {
            throw ValidationError("\(job.rawValue) has --dtype float32 and bfloat16.")
        }
    }

    /// Most options are for some jobs only.
    private func refuseOptionsOfOtherJobs() throws {
        let measured: [Job] = [.trainStep, .genFeatures, .decode, .batch, .verifyCurve, .draft, .kernels]
        let options: [(name: String, isGiven: Bool, jobs: [Job])] = [
            ("--size", size != nil, measured + [.plan]),
            ("--dtype", dtype != nil, measured + [.randomTarget, .plan]),
            ("--fusion", fusion != nil, [.trainStep, .draft, .plan]), ("--head-dtype", headDtype != nil, [.draft]),
            ("--glance", glance != nil, [.trainStep, .plan]),
            ("--teacher-statistics", teacherStatistics != nil, [.trainStep]),
            ("--recompute", recompute, [.trainStep]), ("--vocabulary", vocabulary != nil, [.trainStep]),
            ("--hidden", hidden != nil, [.trainStep]), ("--json", json != nil, measured + [.storage, .plan]),
            ("--config", random.config != nil, [.randomTarget]), ("--output", random.output != nil, [.randomTarget]),
            ("--layers", random.layers != nil, [.randomTarget]), ("--shards", storage.shards != nil, [.storage]),
            ("--texts", texts != nil, [.batch]),
            ("--target", target != nil, [.decode, .batch, .verifyCurve, .genFeatures, .draft, .storage]),
            ("--draft", draft != nil, [.draft]),
            ("--sequences", storage.sequences != nil, [.storage]),
            ("--zstd-levels", storage.zstdLevels != nil, [.storage]),
        ]
        for option in options + plan.given.map({ ($0.name, $0.isGiven, [.plan]) }) where !option.jobs.contains(job) {
            try OptionEffect.refuse(
                [(option.name, option.isGiven)],
                because: "is for \(option.jobs.map(\.rawValue).joined(separator: ", ")), not for \(job.rawValue).")
        }
    }

    func run() throws {
        try RunFiles(
            inputs: [
                ("--config", random.config), ("--target-config", plan.targetConfig), ("--shards", storage.shards),
                ("--target", target), ("--draft", draft),
            ],
            files: [("--json", json)], folders: [("--output", random.output)]
        ).check()
        let (given, dtype) = (size, dtype ?? .bfloat16)
        let size = given ?? .small
        if job == .randomTarget {
            return try random.run(as: dtype == .float32 ? .float32 : .bfloat16, quiet: common.quiet)
        }
        if job == .storage { return try storage.run(target: target, pool: common.makePool(), json: json) }
        if job == .plan {
            return try plan.run(
                size: given, fusion: fusion ?? .lstm, precision: dtype == .bfloat16 ? .bfloat16 : .float32,
                glance: glance ?? true, pool: common.makePool(), json: json)
        }
        guard job != .trainStep else {
            let benchmark = TrainingBenchmark(
                size: size, fusion: fusion ?? .lstm, precision: dtype == .bfloat16 ? .bfloat16 : .float32,
                glance: glance ?? true,
                teacherEntries: teacherStatistics, recompute: recompute, vocabulary: vocabulary, hidden: hidden,
                pool: common.makePool())
            return try JSONOutput.write(try benchmark.run(), to: json ?? "-")
        }
        let benchmarks = InferenceBenchmarks(size: size, arithmetic: dtype, target: target, pool: common.makePool())
        let report =
            switch job {
            case .trainStep, .storage, .randomTarget, .plan: preconditionFailure("\(job.rawValue) has returned")
            case .genFeatures: try benchmarks.generateFeatures()
            case .decode: try benchmarks.decode()
            case .batch: try benchmarks.batch(texts: texts ?? 32)
            case .verifyCurve: try benchmarks.verifyCurve()
            case .draft: try benchmarks.draft(head: draft, fusion: fusion, headArithmetic: headDtype)
            case .kernels: try benchmarks.kernels()
            }
        try JSONOutput.write(report, to: json ?? "-")
    }
}

if CommandLine.arguments.dropFirst().first == "compare" { Compare.launch(Array(CommandLine.arguments.dropFirst(2))) }
Benchmark.launch()
