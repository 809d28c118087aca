import FalconCommandSupport
import FalconFuzzing
import FalconTensor
import Foundation

/// Has child processes read the inputs, so that a crash ends one of them and is counted.
struct FuzzSupervision {
    let command: Fuzz
    let fuzz: FuzzRun

    /// - Throws: where a reader did with any input what it must not.
    func run() throws {
        let folder = NSTemporaryDirectory() + "falcon-fuzz-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var record = FuzzRun.Record()
        var next = command.from
        while next < command.inputs {
            let (ending, output) = try child(from: next, folder)
            if ending == nil, let finished = try? JSONDecoder().decode(FuzzRun.Record.self, from: output) {
                record.add(finished)
                break
            }
            guard let note = FuzzNote.read(folder + "/note"), note.number >= next else {
                throw FileError(folder, "the reading process ended before its first input: \(ending ?? "no record")")
            }
            record.inputs += note.number - next + 1
            record.accepted += note.accepted
            record.refused += note.number - next - note.accepted
            record.faults[note.number] = ending ?? "ended the process"
            next = note.number + 1
        }
        for (number, fault) in record.faults.sorted(by: { $0.key < $1.key }) {
            try StandardOutput.print("\(fuzz.reader.rawValue) input \(number) of seed \(command.seed): \(fault)")
            try keep(fuzz.input(number), "\(command.seed)-\(number)")
        }
        try StandardOutput.print(
            "\(fuzz.reader.rawValue): \(record.inputs) inputs, \(record.accepted) read, \(record.refused) refused, "
                + "\(record.faults.count) faults")
        guard record.faults.isEmpty else { throw FuzzFailure(count: record.faults.count) }
    }

    /// Reads from `start` on in another process.
    ///
    /// - Returns: how it ended where it did not end well, and what it printed.
    private func child(from start: Int, _ folder: String) throws -> (ending: String?, output: Data) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Bundle.main.executablePath ?? CommandLine.arguments[0])
        process.arguments =
            [
                fuzz.reader.rawValue, "--inputs", "\(command.inputs)", "--seed", "\(command.seed)", "--from",
                "\(start)", "--fixtures", command.fixtures, "--note", folder + "/note",
            ] + (command.corpus.map { ["--corpus", $0] } ?? [])
        // Swift's own report of a crash takes longer than a thousand inputs.
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        let output = Pipe()
        process.standardOutput = output
        let words = URL(fileURLWithPath: folder + "/words")
        try Data().write(to: words)
        process.standardError = try FileHandle(forWritingTo: words)
        try process.run()
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        switch (process.terminationReason, process.terminationStatus) {
        case (.exit, 0): return (nil, printed)
        case (.uncaughtSignal, SIGVTALRM): return ("took more than a second", printed)
        case (.uncaughtSignal, let signal): return ("ended the process with signal \(signal)", printed)
        case (_, let status):
            let last = (try? String(contentsOf: words, encoding: .utf8))?.split(separator: "\n").last ?? "no word"
            return ("ended the process with status \(status): \(last)", printed)
        }
    }

    private func keep(_ input: [UInt8], _ name: String) throws {
        guard let save = command.save else { return }
        let folder = save + "/" + fuzz.reader.rawValue
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(input).write(to: URL(fileURLWithPath: folder + "/" + name))
    }
}

struct FuzzFailure: Error, CustomStringConvertible {
    let count: Int
    var description: String { "\(count) inputs did what no input may; --save FOLDER keeps them" }
}
