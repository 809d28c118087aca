import ArgumentParser
import FalconBenchmark
import FalconCommandSupport
import FalconDraft
import FalconTensor

/// What `falcon-bench plan` takes.
struct PlanOptions: ParsableArguments {
    @Option(help: "plan: the config.json of the target, or its folder, whose head is to be trained.")
    var targetConfig: String?

    @Option(help: ArgumentHelp("plan: dialogues to train on.", valueName: "n"))
    var dialogues: Int?

    @Option(help: ArgumentHelp("plan: tokens of a dialogue in the mean; 512 where it is left out.", valueName: "n"))
    var tokens: Int?

    @Option(help: ArgumentHelp("plan: epochs; 20 where it is left out.", valueName: "n"))
    var epochs: Int?

    @Option(
        help: ArgumentHelp(
            "plan: sequences of a batch; 8 where it is left out, or one for each rank where there are more.",
            valueName: "n"))
    var batch: Int?

    @Option(
        help: ArgumentHelp(
            "plan: the most ranks; 1, 2, 4, ... up to it are planned. A rank is a machine like this one.",
            valueName: "n"))
    var ranks: Int?

    @Option(help: ArgumentHelp("plan: Gbit/s between the ranks, each way; 10 where it is left out.", valueName: "gbit"))
    var network: Double?

    @Option(
        help: ArgumentHelp(
            """
            plan: Gflop/s of a rank, as train-step prints them there; measured here where left out: in steps of a \
            --size, or without one of the head itself, where that has at most 64 million values.
            """,
            valueName: "g"))
    var gflops: Double?

    @Option(
        help: ArgumentHelp(
            "plan: GB/s from a rank's memory, as kernels finds them there; measured here where left out.",
            valueName: "gb"))
    var memory: Double?

    @Option(
        help: ArgumentHelp(
            "plan: what gradients cross the network in: float32 (where it is left out) or bfloat16.",
            valueName: "dtype"))
    var gradientExchange: ElementType?

    func validate() throws {
        for (name, value) in [
            ("--dialogues", dialogues), ("--tokens", tokens), ("--epochs", epochs), ("--batch", batch),
            ("--ranks", ranks),
        ] where !(1...1_000_000_000).contains(value ?? 1) {
            throw ValidationError("\(name) \(value ?? 0): give 1 to 1000000000.")
        }
        for (name, value) in [("--network", network), ("--gflops", gflops), ("--memory", memory)] {
            if let value, !(value > 0 && value.isFinite) {
                throw ValidationError("\(name) \(value): give more than 0.")
            }
        }
        guard [.float32, .bfloat16].contains(gradientExchange ?? .float32) else {
            throw ValidationError("--gradient-exchange is float32 or bfloat16.")
        }
        if let ranks, ranks & (ranks - 1) != 0 || ranks > 1024 {
            throw ValidationError("--ranks \(ranks): give a power of two, up to 1024.")
        }
    }

    /// The options by name, and whether each is given.
    var given: [(name: String, isGiven: Bool)] {
        [
            ("--target-config", targetConfig != nil), ("--dialogues", dialogues != nil), ("--tokens", tokens != nil),
            ("--epochs", epochs != nil), ("--batch", batch != nil), ("--ranks", ranks != nil),
            ("--network", network != nil), ("--gflops", gflops != nil), ("--memory", memory != nil),
            ("--gradient-exchange", gradientExchange != nil),
        ]
    }

    /// Measures a step on this machine, and plans.
    ///
    /// - Parameter size: of the step; `nil`: the head's own, where that is small enough.
    func run(
        size: BenchmarkSize?, fusion: FusionKind, precision: ProductPrecision, glance: Bool, pool: ThreadPool,
        json: String?
    ) throws {
        guard let targetConfig, let dialogues else {
            throw ValidationError("plan takes --target-config and --dialogues.")
        }
        let target = try ClusterPlan.target(like: targetConfig)
        let task = ClusterPlan.Task(
            dialogues: dialogues, tokens: tokens ?? 512, epochs: epochs ?? 20, batch: batch, fusion: fusion,
            glance: glance, roundsGradients: gradientExchange == .bfloat16)
        let network = network ?? 10
        // What is given need not be measured.
        var measured: ClusterPlan.Rates?
        if size == nil, gflops == nil || memory == nil {
            measured = try ClusterPlan.measured(
                target, task, precision: precision, networkGigabits: network, on: pool)
        }
        let rate =
            try gflops ?? measured?.gflops
            ?? TrainingBenchmark(
                size: size ?? .small, fusion: fusion, precision: precision, glance: glance, pool: pool
            ).run().gflops
        let plan = ClusterPlan(
            target: target, task, ranks: ranks ?? 1,
            rates: ClusterPlan.Rates(
                gflops: rate,
                gigabytesPerSecond: memory ?? measured?.gigabytesPerSecond
                    ?? MachineLimits.measure(on: pool).gigabytesPerSecond,
                networkGigabits: network))
        try Figures.write(plan.lines, plan, json: json)
    }
}
