import ArgumentParser
import FalconCommandSupport
import FalconInspection
import FalconShards
import FalconTensor

struct VerifyShards: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Reads everything: compares digests, checks every sequence and value.")

    @Argument(help: "A folder with manifest.json and shards, or one shard.")
    var shards: String

    @Option(help: "Write the figures as JSON to this file; - for standard output.")
    var json: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        let interruption = Interruption(endsAtOnce: true)
        defer { withExtendedLifetime(interruption) {} }
        try RunFiles(inputs: [("the shards", shards)], files: [("--json", json)]).check()
        let inspection = try ShardInspection(path: shards, isThorough: true)
        try Figures.write(inspection.lines, inspection, json: json)
        try ProblemsFound.check(inspection.findings, path: shards)
    }
}

struct MergeShards: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge", abstract: "Copies the shards of several folders of one target into a new folder.")

    @Argument(help: "Folders with manifest.json and shards.")
    var folders: [String]

    @Option(help: "The new folder.")
    var output: String

    @OptionGroup var common: CommonOptions

    func run() throws {
        let interruption = Interruption(endsAtOnce: true)
        defer { withExtendedLifetime(interruption) {} }
        try RunFiles(inputs: folders.map { ("the folder \($0)", $0) }, folders: [("--output", output)]).check()
        let merged = try ShardCollection.merge(folders, into: output)
        guard !common.quiet else { return }
        try StandardOutput.print(
            "\(counted(merged.sequences, "sequence")) of \(counted(merged.tokens, "token")) "
                + "in \(counted(merged.shards, "shard"))")
        if merged.repeatedShards > 0 {
            try StandardOutput.print(
                "\(counted(merged.repeatedShards, "shard")) left out, with the bytes of an earlier one")
        }
    }
}

struct SampleShards: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample", abstract: "Copies some sequences, drawn evenly, into a new folder.")

    @Argument(help: "A folder with manifest.json and shards.")
    var folder: String

    @Option(help: "How many sequences.")
    var count: Int

    @Option(help: "The same seed draws the same sequences.")
    var seed: UInt64 = 0

    @Option(help: "The new folder.")
    var output: String

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard count >= 1 else { throw ValidationError("--count \(count): give 1 or more.") }
    }

    func run() throws {
        let interruption = Interruption(endsAtOnce: true)
        defer { withExtendedLifetime(interruption) {} }
        try RunFiles(inputs: [("the folder", folder)], folders: [("--output", output)]).check()
        let store = try FeatureStore(folder: folder)
        let chosen = try ShardCollection.sample(
            store, count: count, seed: seed, into: output, pool: common.makePool())
        if !common.quiet { try StandardOutput.print("\(chosen.count) of \(counted(store.count, "sequence"))") }
    }
}

struct ShardFigures: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "stat",
        abstract: "Tokens, lengths, supervised share, bytes per token, and the range of every dimension.")

    @Argument(help: "A folder with manifest.json and shards, or one shard.")
    var shards: String

    @Option(help: "Write the figures as JSON to this file, every dimension included; - for standard output.")
    var json: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        let interruption = Interruption(endsAtOnce: true)
        defer { withExtendedLifetime(interruption) {} }
        try RunFiles(inputs: [("the shards", shards)], files: [("--json", json)]).check()
        let statistics = try ShardStatistics(path: shards)
        try Figures.write(statistics.lines, statistics, json: json)
    }
}
