import FalconModels
import FalconTensor
import Foundation

/// Benchmarks of a target model: feature generation, plain decoding, and what a pass costs by its rows.
package struct InferenceBenchmarks {
    package let size: BenchmarkSize
    package let arithmetic: ProductArithmetic
    package let pool: ThreadPool
    /// A model to measure in place of random weights of a size.
    private let target: String?
    let stopwatch = Stopwatch()

    package init(size: BenchmarkSize, arithmetic: ProductArithmetic, target: String? = nil, pool: ThreadPool) {
        (self.size, self.target) = (size, target)
        self.arithmetic = arithmetic
        self.pool = pool
    }

    /// Features of one sequence of 512 tokens, as `falcon-gen-data` computes them.
    package func generateFeatures() throws -> BenchmarkReport {
        try withModel { model in
            let tokens = (0..<512).map { Int32($0 * 7 % model.configuration.vocabularySize) }
            let sequences = SequenceFeatures(model)
            let seconds = stopwatch.median { _ = sequences.features(of: tokens, on: pool) }
            let head = model.configuration.vocabularySize * model.configuration.hiddenSize
            return report(
                "gen-features", tokens: 512, weights: model.configuration.multipliedWeights - head,
                byteCount: model.byteCount - model.ends.byteCount, seconds)
        }
    }

    /// Plain greedy decoding behind 256 tokens of context.
    package func decode() throws -> BenchmarkReport {
        try withModel { model in
            let cache = prefilled(model)
            var token: Int32 = 1
            let decodeToken = {
                if cache.committedCount == cache.capacity { cache.truncate(to: 256) }
                token = model.greedyTokens(model.forward([token], cache: cache, on: pool), on: pool)[0]
            }
            decodeToken()
            let peak = ProcessMemory.peakByteCount
            // Memory changes its pace from one second to the next, so the bound is measured between runs of tokens.
            let memory = MemoryReading(on: pool)
            var (seconds, rates): ([Double], [Double]) = ([], [])
            for _ in 0..<10 {
                rates.append(memory.gigabytesPerSecond(on: pool))
                seconds.append(stopwatch.median(of: 0.5, decodeToken))
            }
            let limits = MachineLimits(
                gflops: MachineLimits.gflops(of: arithmetic, on: pool), gigabytesPerSecond: rates.sorted()[5])
            return report(
                "decode", tokens: 1, weights: model.configuration.multipliedWeights, byteCount: model.byteCount,
                seconds.sorted()[5], peak: peak, limits: limits)
        }
    }

    /// Verifying trees of 1 to 64 rows behind 256 tokens of context, LM head and argmax included.
    package func verifyCurve() throws -> BenchmarkReport {
        try withModel { model in
            let cache = prefilled(model)
            let rowCounts = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64]
            let passes = rowCounts.map { rows in
                let tokens = (0..<rows).map { Int32($0 + 1) }
                // A root and two branches under each node: a tree as drafting builds it.
                let parents = (0..<rows).map { $0 == 0 ? -1 : ($0 - 1) / 2 }
                return {
                    let features = model.forward(tokens, parents: parents, cache: cache, on: pool)
                    _ = model.greedyTokens(features, on: pool)
                    cache.commit(path: [])
                }
            }
            let seconds = stopwatch.medians(of: 20, passes)
            var result = report(
                "verify-curve", tokens: 1, weights: model.configuration.multipliedWeights, byteCount: model.byteCount,
                seconds[0])
            result.millisecondsByRows = Dictionary(
                uniqueKeysWithValues: zip(rowCounts, seconds).map { ("\($0)", $1 * 1000) })
            return result
        }
    }

    func withModel(_ body: (TargetModel) throws -> BenchmarkReport) throws -> BenchmarkReport {
        if let target { return try body(TargetModel(folder: target, arithmetic: arithmetic, pool: pool)) }
        guard arithmetic == .stored else {
            return try RandomTarget.with(size.configuration, as: arithmetic == .float32 ? .float32 : .bfloat16, seed: 1)
            {
                try body(TargetModel(folder: $0, arithmetic: arithmetic, pool: pool))
            }
        }
        return try RandomBlocks.withFolder { folder in
            try RandomBlocks.write(size.configuration, to: folder + "/model.gguf")
            return try body(TargetModel(folder: folder + "/model.gguf", arithmetic: .stored, pool: pool))
        }
    }

    func prefilled(_ model: TargetModel) -> KeyValueCache {
        let cache = model.makeCache(capacity: 1024)
        _ = model.forward((0..<256).map { Int32($0 + 1) }, cache: cache, on: pool)
        return cache
    }

    /// - Parameters:
    ///   - weights: weights that each token multiplies.
    ///   - byteCount: of them, as they are packed.
    ///   - peak: the most memory that the job held; so far, where it is left out.
    ///   - limits: measured now where they are left out, because that takes memory of its own.
    func report(
        _ job: String, tokens: Int, weights: Int, byteCount: Int, _ seconds: Double,
        peak: Int = ProcessMemory.peakByteCount, limits: MachineLimits? = nil
    ) -> BenchmarkReport {
        let limits = limits ?? MachineLimits.measure(of: arithmetic, on: pool)
        let operations = 2 * Double(weights) * Double(tokens)
        let bytes = Double(byteCount)
        let bound = max(operations / limits.gflops, bytes / limits.gigabytesPerSecond) / 1e9
        return BenchmarkReport(
            job: job, size: target ?? size.rawValue, dtype: arithmetic.rawValue, threads: pool.threadCount,
            tokensPerSecond: Double(tokens) / seconds, milliseconds: seconds * 1000,
            peakMemoryBytes: peak, gflops: operations / seconds / 1e9,
            gigabytesPerSecond: bytes / seconds / 1e9, shareOfBound: bound / seconds)
    }
}
