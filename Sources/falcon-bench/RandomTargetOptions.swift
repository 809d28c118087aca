import ArgumentParser
import FalconBenchmark
import FalconCommandSupport
import FalconTensor

/// What `falcon-bench random-target` takes.
struct RandomTargetOptions: ParsableArguments {
    @Option(help: "random-target: the config.json, or its folder, whose shape the model gets.")
    var config: String?

    @Option(help: "random-target: so many layers in place of the configuration's own.")
    var layers: Int?

    @Option(help: "random-target: the folder to write; it must not be there yet.")
    var output: String?

    func validate() throws {
        guard (config == nil) == (output == nil), layers ?? 1 > 0 else {
            throw ValidationError("--config and --output belong together; --layers is 1 or more.")
        }
    }

    /// Writes the model.
    func run(as type: ElementType, quiet: Bool) throws {
        guard let config, let output else { throw ValidationError("random-target takes --config and --output.") }
        try RandomTarget.create(like: config, layers: layers, as: type, at: output)
        if !quiet { StandardError.print("\(output): random weights in the shape of \(config)") }
    }
}
