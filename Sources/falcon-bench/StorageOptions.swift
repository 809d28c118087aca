import ArgumentParser
import FalconBenchmark
import FalconCommandSupport
import FalconShards
import FalconTensor

/// What `falcon-bench storage` takes.
struct StorageOptions: ParsableArguments {
    @Option(help: "storage: features to store again, best in float32; random ones where it is left out.")
    var shards: String?

    @Option(help: "storage: the most sequences to take from --shards; 64 where it is left out.")
    var sequences: Int?

    @Option(help: "storage: zstd levels, e.g. 1,3,9; 1 where it is left out.")
    var zstdLevels: String?

    func validate() throws {
        if let sequences, sequences < 1 { throw ValidationError("--sequences \(sequences): give 1 or more.") }
        guard !levels.isEmpty, levels.allSatisfy((1...19).contains) else {
            throw ValidationError("--zstd-levels \(zstdLevels ?? ""): give numbers from 1 to 19, with commas between.")
        }
    }

    private var levels: [Int] {
        let parts = (zstdLevels ?? "1").split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        return parts.contains(nil) ? [] : parts.compactMap { $0 }
    }

    /// Measures every dtype.
    func run(target: String?, pool: ThreadPool, json: String?) throws {
        let benchmark = try StorageBenchmark(shards: shards, target: target, limit: sequences ?? 64, pool: pool)
        try JSONOutput.write(try benchmark.run(FeatureStorage.allCases, levels: levels), to: json ?? "-")
    }
}
