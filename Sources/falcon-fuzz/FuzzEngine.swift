internal import CFuzzEngine
import FalconFuzzing
import FalconTensor
import Foundation
import Synchronization

/// libFuzzer's two callbacks. They are functions of C, which carry nothing with them: hence the one global.
enum FuzzEngine {
    private struct State: @unchecked Sendable {
        var run: FuzzRun?
        var record = FuzzRun.Record()
    }
    private static let state = Mutex(State())

    /// Runs libFuzzer until its options say that it is enough.
    ///
    /// - Throws: where this build has no engine, or the engine found something.
    static func run(_ run: FuzzRun, corpus: String, options: String) throws {
        let folder = corpus + "/" + run.reader.rawValue
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (number, seed) in run.seeds.enumerated() {
            try Data(seed).write(to: URL(fileURLWithPath: "\(folder)/seed-\(number)"))
        }
        state.withLock { $0.run = run }
        let words = ["falcon-fuzz"] + options.split(separator: " ").map(String.init) + [folder]
        var arguments = unsafe words.map { unsafe strdup($0) } + [nil]
        let status = unsafe falcon_fuzz_run(Int32(words.count), &arguments, read, change)
        guard status >= 0 else {
            throw FileError("falcon-fuzz", "was built without libFuzzer; Scripts/fuzz.sh builds it with")
        }
        let record = state.withLock { $0.record }
        print(
            "\(run.reader.rawValue): \(record.inputs) inputs, \(record.accepted) read, \(record.refused) refused, "
                + "\(record.faults.count) faults")
        guard status == 0, record.faults.isEmpty else { throw FuzzFailure(count: max(1, record.faults.count)) }
    }

    private static let read: falcon_fuzz_read = { bytes, count in
        let input = (0..<count).map { unsafe bytes![$0] }
        state.withLock { state in
            guard let run = state.run else { return }
            do {
                let fault = try run.read(input, into: &state.record)
                if let fault { preconditionFailure(fault) }
            } catch {
                preconditionFailure("\(error)")
            }
        }
    }

    private static let change: falcon_fuzz_change = { bytes, count, capacity, seed in
        let input = (0..<count).map { unsafe bytes![$0] }
        let changed = state.withLock { $0.run?.change(input, seed: UInt64(seed)) } ?? input
        let kept = min(changed.count, capacity)
        for index in 0..<kept { unsafe bytes![index] = changed[index] }
        return kept
    }
}
