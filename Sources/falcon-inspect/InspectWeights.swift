import ArgumentParser
import FalconCommandSupport
import FalconInspection
import FalconTensor

struct InspectWeights: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "weights",
        abstract: "Lists the tensors of a weight file of any format, or dumps them to safetensors.",
        discussion: """
            Examples:
              falcon-inspect weights --weights models/llama/pytorch_model.bin
              falcon-inspect weights --weights models/llama --output weights.safetensors
              falcon-inspect weights --weights models/smollm2.Q4_K_M.gguf

            A PyTorch file is read without running anything that it holds. A dump holds real numbers as float32 and
            whole ones as int64; those of a GGUF file keep its own names, and its blocks are dequantised.
            """)

    @Option(help: "A .safetensors, .bin or .gguf file, an index, or a folder with one of them.")
    var weights: String

    @Option(help: "The safetensors file to dump all tensors to.")
    var output: String?

    @Option(help: "Write the list as JSON to this file; - for standard output.")
    var json: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        let interruption = Interruption(endsAtOnce: true)
        defer { withExtendedLifetime(interruption) {} }
        try RunFiles(inputs: [("--weights", weights)], files: [("--output", output), ("--json", json)]).check()
        let list = try WeightList(path: weights)
        if let output {
            try list.dump(to: output)
            if !common.quiet {
                StandardError.print("\(output): \(counted(list.tensors.count, "tensor")) of \(weights)")
            }
        }
        if output == nil || json != nil { try Figures.write(output == nil ? list.lines : [], list, json: json) }
    }
}
