import FalconModels
import FalconTensor

extension InferenceBenchmarks {
    /// Plain greedy decoding of 1, 2, 4 and more texts in one pass, each behind 256 tokens of context of its own.
    ///
    /// The bound of each number of texts is the tighter of arithmetic (its rows' products) and memory (the weights
    /// once, every text's keys and values) on this machine.
    ///
    /// - Parameter most: the most texts; their keys and values are held at once.
    package func batch(texts most: Int) throws -> BenchmarkReport {
        precondition(most > 0, "a batch of \(most) texts")
        return try withModel { model in
            let context = 256
            // All texts say the same: how fast a pass is does not depend on it.
            let first = model.makeCache(capacity: context + 1)
            _ = model.forward((0..<context).map { Int32($0 + 1) }, cache: first, on: pool)
            let caches =
                [first]
                + (1..<most).map { _ in
                    let cache = model.makeCache(capacity: context + 1)
                    for page in 0..<context / CachePage.positions { cache.append(first.page(page)) }
                    return cache
                }
            let counts = sequence(first: 1) { $0 * 2 <= most ? $0 * 2 : nil }.map { $0 } + [most]
            let texts = Array(Set(counts)).sorted()
            let passes = texts.map { count in
                {
                    let rows = caches.prefix(count).map { PassRows(next: [7], cache: $0) }
                    _ = model.greedyTokens(model.forward(rows, on: pool), on: pool)
                    for cache in caches.prefix(count) { cache.commit(path: []) }
                }
            }
            let seconds = stopwatch.medians(of: 3 * Double(passes.count), passes)
            let peak = ProcessMemory.peakByteCount
            let limits = MachineLimits.measure(of: arithmetic, on: pool)
            let weights = Double(model.configuration.multipliedWeights)
            let cached = (0..<context / CachePage.positions).reduce(0.0) { $0 + Double(first.page($1).byteCount) }
            func bound(_ count: Int) -> Double {
                max(
                    2 * weights * Double(count) / limits.gflops,
                    (Double(model.byteCount) + cached * Double(count)) / limits.gigabytesPerSecond) / 1e9
            }
            func byTexts(_ value: (_ texts: Int, _ seconds: Double) -> Double) -> [String: Double] {
                Dictionary(uniqueKeysWithValues: zip(texts, seconds).map { ("\($0)", value($0, $1)) })
            }
            var result = report(
                "batch", tokens: most, weights: model.configuration.multipliedWeights, byteCount: model.byteCount,
                seconds[seconds.count - 1], peak: peak, limits: limits)
            result.shareOfBound = bound(most) / seconds[seconds.count - 1]
            result.texts = most
            result.millisecondsByTexts = byTexts { 1000 * $1 }
            result.tokensPerSecondByTexts = byTexts { Double($0) / $1 }
            result.boundByTexts = byTexts { texts, _ in Double(texts) / bound(texts) }
            return result
        }
    }
}
