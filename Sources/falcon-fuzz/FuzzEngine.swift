internal import CFuzzEngine
import FalconFuzzing
import FalconTensor
import Foundation
import Synchronization

/// libFuzzer, which keeps the inputs that reach new code and goes on from them.
///
/// Its callbacks are functions of C, which carry nothing with them: hence the one global.
enum FuzzEngine {
    private struct State: @unchecked Sendable {
        var run: FuzzRun?
        var record = FuzzRun.Record()
    }
    private static let state = Mutex(State())

    /// Has the engine read so many inputs. What a reader must not do ends the process; the input is kept.
    ///
    /// - Parameters:
    ///   - corpus: the folder in which the engine keeps its inputs, one folder a reader.
    ///   - save: where an input that ends the process is kept.
    /// - Throws: where this build has no engine.
    static func run(_ run: FuzzRun, inputs: Int, seed: UInt64, corpus: String, save: String?) throws {
        let folder = corpus + "/" + run.reader.rawValue
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (number, seed) in run.seeds.enumerated() {
            try Data(seed).write(to: URL(fileURLWithPath: "\(folder)/seed-\(number)"))
        }
        state.withLock { $0.run = run }
        let megabytes = FuzzRun.allowance >> 20
        let words = [
            "falcon-fuzz", "-runs=\(inputs)", "-seed=\(UInt32(truncatingIfNeeded: seed))", "-timeout=5",
            "-malloc_limit_mb=\(megabytes + 1)", "-rss_limit_mb=1024",
            "-max_len=\(InputMutator.longest)", "-artifact_prefix=\(save ?? corpus)/\(run.reader.rawValue)-", folder,
        ]
        var arguments = unsafe words.map { unsafe strdup($0) } + [nil]
        let status = unsafe falcon_fuzz_run(Int32(words.count), &arguments, read, change, finish)
        guard status >= 0 else {
            throw FileError("falcon-fuzz", "was built without libFuzzer; Scripts/verify/fuzz.sh builds it with")
        }
    }

    /// What came of all inputs, once they are read; one that reads them wrongly ends the process before.
    private static let finish: falcon_fuzz_finish = {
        let (reader, record) = state.withLock { ($0.run?.reader.rawValue ?? "", $0.record) }
        print(
            "\(reader): \(record.inputs) inputs, \(record.accepted) read, \(record.refused) refused, "
                + "\(record.faults.count) faults")
    }

    private static let read: falcon_fuzz_read = { bytes, count in
        let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
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
        guard let bytes = unsafe bytes else { return 0 }
        let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
        let changed = state.withLock { $0.run?.change(input, seed: UInt64(seed)) } ?? input
        let kept = min(changed.count, capacity)
        for index in 0..<kept { unsafe bytes[index] = changed[index] }
        return kept
    }
}
