import ArgumentParser
import FalconCommandSupport
import FalconInspection

struct InspectShard: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "shard",
        abstract: "Shows what feature shards hold; checks, merges, samples or dumps them.",
        discussion: """
            Examples:
              falcon-inspect shard --shards features --verify
              falcon-inspect shard --shards features --sequence 0 --output first.safetensors
              falcon-inspect shard verify features
              falcon-inspect shard merge features-a features-b --output features
              falcon-inspect shard sample features --count 200 --output few
              falcon-inspect shard stat features
            """,
        subcommands: [ShowShard.self, VerifyShards.self, MergeShards.self, SampleShards.self, ShardFigures.self],
        defaultSubcommand: ShowShard.self)
}

struct ShowShard: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows what shards hold; checks them or dumps a sequence (the default).")

    @Option(help: "A folder with manifest.json and shards, or one shard.")
    var shards: String

    @Flag(help: "Read everything: compare digests, check every sequence.")
    var verify = false

    @Option(help: "The sequence to dump, from 0.")
    var sequence: Int?

    @Option(help: "The safetensors file to dump the sequence to.")
    var output: String?

    @Option(help: "Write the figures as JSON to this file; - for standard output.")
    var json: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (sequence == nil) == (output == nil) else {
            throw ValidationError("--sequence and --output belong together.")
        }
        if sequence != nil {
            try OptionEffect.refuse(
                [("--verify", verify), ("--json", json != nil)],
                because: "is for showing shards; leave out --sequence and --output.")
        }
    }

    func run() throws {
        let interruption = Interruption(endsAtOnce: true)
        defer { withExtendedLifetime(interruption) {} }
        try RunFiles(inputs: [("--shards", shards)], files: [("--output", output), ("--json", json)]).check()
        if let sequence, let output {
            try ShardInspection.dump(path: shards, sequence: sequence, to: output)
            if !common.quiet { StandardError.print("\(output): sequence \(sequence) of \(shards)") }
            return
        }
        let inspection = try ShardInspection(path: shards, isThorough: verify)
        try Figures.write(inspection.lines, inspection, json: json)
        try ProblemsFound.check(inspection.findings, path: shards)
    }
}
