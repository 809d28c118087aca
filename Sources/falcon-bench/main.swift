import ArgumentParser
import FalconBenchmark
import FalconCommandSupport
import FalconTensor

/// The jobs that `falcon-bench` measures.
enum Job: String, CaseIterable, ExpressibleByArgument {
    case genFeatures = "gen-features"
    case decode
    case verifyCurve = "verify-curve"
    case kernels
}

extension BenchmarkSize: ExpressibleByArgument {}
extension ElementType: ExpressibleByArgument {}

struct Benchmark: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "falcon-bench",
        abstract: "Measures how fast the toolkit's own code runs on this machine.",
        discussion: "Example: falcon-bench verify-curve --size M --dtype bfloat16 --json curve.json",
        version: falconVersion)

    @Argument(help: "One of: \(Job.allCases.map(\.rawValue).joined(separator: ", ")).")
    var job: Job

    @Option(help: "S, M or L: hidden 256, 1024 or 2048 (random weights).")
    var size: BenchmarkSize = .small

    @Option(help: "How the target's weights are stored: float32, float16 or bfloat16.")
    var dtype: ElementType = .bfloat16

    @Option(help: "Write the figures as one JSON object to this file.")
    var json: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        let benchmarks = InferenceBenchmarks(size: size, type: dtype, pool: common.makePool())
        let report =
            switch job {
            case .genFeatures: try benchmarks.generateFeatures()
            case .decode: try benchmarks.decode()
            case .verifyCurve: try benchmarks.verifyCurve()
            case .kernels: benchmarks.kernels()
            }
        try JSONOutput.write(report, to: json ?? "-")
    }
}

Benchmark.launch()
