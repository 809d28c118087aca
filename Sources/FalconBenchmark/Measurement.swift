import Foundation

/// What one benchmark found: the JSON object of `falcon-bench --json`.
package struct BenchmarkReport: Encodable, Sendable {
    package var job: String
    package var size: String
    package var dtype: String
    package var threads: Int
    /// Tokens handled a second (rows of a pass, positions of a training batch).
    package var tokensPerSecond: Double
    /// Median milliseconds of one repetition.
    package var milliseconds: Double
    /// The most memory that the process ever held.
    package var peakMemoryBytes: Int
    /// 10^9 floating-point operations a second, a multiply-add counted as two.
    package var gflops: Double
    /// 10^9 bytes of weights read a second.
    package var gigabytesPerSecond: Double
    /// The part of what this machine allows, by the tighter of arithmetic and memory as `kernels` measures them.
    package var shareOfBound: Double
    /// Milliseconds of a target pass by its number of rows (verify-curve only).
    package var millisecondsByRows: [String: Double]?
    /// By the number of texts in a pass: its milliseconds, tokens a second, and those that this machine would allow
    /// (batch only).
    var millisecondsByTexts, tokensPerSecondByTexts, boundByTexts: [String: Double]?
    /// The most texts (batch only).
    var texts: Int?
    /// Milliseconds of a target pass with one row, and the part of them that a pass of the head takes (draft only).
    var targetMilliseconds: Double?
    var shareOfTargetPass: Double?
    /// The head that was measured, where it was not made of random weights (draft only).
    var draft: String?
    /// How the head's products are computed (draft only).
    var headDtype: String?
    /// Milliseconds of the LM head on what a pass of the head predicts (draft only).
    var rankingMilliseconds: Double?
    /// Each product of a model (kernels only).
    var products: [ProductReport]?
    /// How the head fuses its inputs, and whether a step has glancing's first pass (train-step only).
    package var fusion: String?
    package var glance: Bool?

    enum CodingKeys: String, CodingKey {
        case job, size, dtype, threads, milliseconds, gflops, fusion, glance, products, draft, texts
        case tokensPerSecond = "tokens_per_second"
        case peakMemoryBytes = "peak_memory_bytes"
        case gigabytesPerSecond = "gigabytes_per_second"
        case shareOfBound = "share_of_bound"
        case headDtype = "head_dtype"
        case targetMilliseconds = "target_milliseconds"
        case shareOfTargetPass = "share_of_target_pass"
        case rankingMilliseconds = "ranking_milliseconds"
        case millisecondsByRows = "milliseconds_by_rows"
        case millisecondsByTexts = "milliseconds_by_texts"
        case tokensPerSecondByTexts = "tokens_per_second_by_texts"
        case boundByTexts = "bound_by_texts"
    }
}

/// One product with some number of rows.
package struct ProductReport: Encodable, Sendable {
    /// Which layer of the model.
    var name: String
    var rows: Int
    var milliseconds: Double
    var gflops: Double
    var gigabytesPerSecond: Double
    var shareOfBound: Double

    enum CodingKeys: String, CodingKey {
        case name, rows, milliseconds, gflops
        case gigabytesPerSecond = "gigabytes_per_second"
        case shareOfBound = "share_of_bound"
    }
}

/// Times repetitions of one piece of work.
package struct Stopwatch {
    private let now: () -> Double

    /// - Parameter now: seconds on a steady clock.
    package init(now: @escaping () -> Double = { ProcessInfo.processInfo.systemUptime }) { self.now = now }

    /// The median seconds of one call: one call unmeasured, then calls until `seconds` have passed, at least three.
    package func median(of seconds: Double = 2, _ body: () throws -> Void) rethrows -> Double {
        try body()
        var times: [Double] = []
        let start = now()
        while times.count < 3 || (now() - start < seconds && times.count < 1000) {
            let before = now()
            try body()
            times.append(now() - before)
        }
        return times.sorted()[times.count / 2]
    }

    /// The median seconds of each of several works that take turns, so that their ratios hold on a machine whose pace
    /// changes: one unmeasured round, then rounds until `seconds` have passed, at least three.
    func medians(of seconds: Double = 2, _ works: [() -> Void]) -> [Double] {
        for work in works { work() }
        var times = [[Double]](repeating: [], count: works.count)
        let start = now()
        while times[0].count < 3 || (now() - start < seconds && times[0].count < 1000) {
            for (index, work) in works.enumerated() {
                let before = now()
                work()
                times[index].append(now() - before)
            }
        }
        return times.map { $0.sorted()[$0.count / 2] }
    }
}
