import ArgumentParser
import FalconCommandSupport
import FalconFuzzing
import FalconTensor
import Foundation

struct Fuzz: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "falcon-fuzz",
        abstract: "Feeds damaged and hostile files to a reader. For development; see Scripts/verify/fuzz.sh.",
        discussion: """
            Example:
              falcon-fuzz shard --inputs 100000 --seed 1 --save Found
            """,
        version: falconVersion)

    @Argument(help: "One of \(FuzzedReader.allCases.map(\.rawValue).joined(separator: ", ")).")
    var reader: FuzzedReader?

    @Flag(help: "Print the readers' names.")
    var list = false

    @Option(help: "How many inputs.")
    var inputs = 10_000

    @Option(help: "What the inputs are made from, beside the seeds.")
    var seed: UInt64 = 1

    @Option(help: "The number of the first input.")
    var from = 0

    @Option(help: "The repository's folder of fixtures.")
    var fixtures = "Tests/Fixtures"

    @Option(help: "A folder with further inputs to start from, one folder a reader.")
    var corpus: String?

    @Option(help: "Where inputs that should not have done what they did are kept.")
    var save: String?

    @Option(help: "Let libFuzzer look for inputs that reach new code; its corpus is kept in this folder.")
    var engine: String?

    /// Set in the process that reads: the file where it notes the number of each input before reading it.
    @Option(help: .hidden) var note: String?

    func validate() throws {
        guard list || reader != nil else { throw ValidationError("Give --reader NAME, or --list to see the names.") }
        guard inputs > 0, from >= 0 else { throw ValidationError("--inputs: give 1 or more; --from: give 0 or more.") }
    }

    func run() throws {
        guard let reader else {
            return try StandardOutput.print(FuzzedReader.allCases.map(\.rawValue).joined(separator: " "))
        }
        let seeds = FuzzSeeds(fixtures: fixtures, corpus: corpus)
        let run = try FuzzRun(reader, seeds: seeds, seed: seed, judgesMemory: engine == nil)
        if let engine { return try FuzzEngine.run(run, inputs: inputs, seed: seed, corpus: engine, save: save) }
        if let note { return try read(run, noting: note) }
        try FuzzSupervision(command: self, fuzz: run).run()
    }

    /// The process that reads. A crash or a second of one input ends it; the note says with which.
    private func read(_ run: FuzzRun, noting note: String) throws {
        try ReaderLimits.limitMemory(beyond: 4 * InputMutator.longest + 2 * FuzzRun.allowance)
        let file = try FuzzNote(note)
        let record = try run.run(from..<inputs) { number, record in
            file.write(number, accepted: record.accepted)
            ReaderLimits.startSecond()
        }
        try StandardOutput.print(String(decoding: try JSONEncoder().encode(record), as: UTF8.self))
    }
}

extension FuzzedReader: ExpressibleByArgument {}

Fuzz.launch()
