internal import CFalconKernels
import Foundation

/// What this machine can do at most, measured by loops that do nothing else: the bounds of the benchmarks.
package struct MachineLimits: Sendable {
    /// 10^9 operations of an arithmetic a second on all threads of the pool, a multiply-add counted as two.
    package let gflops: Double
    /// 10^9 bytes a second read from memory by all threads of the pool.
    package let gigabytesPerSecond: Double

    /// Measures for about `2 * seconds`.
    ///
    /// - Parameters:
    ///   - arithmetic: what operations count.
    ///   - now: seconds on a steady clock.
    package static func measure(
        of arithmetic: ProductArithmetic = .float32, on pool: ThreadPool, seconds: Double = 0.5,
        now: () -> Double = { ProcessInfo.processInfo.systemUptime }
    ) -> MachineLimits {
        let kernels = unsafe falcon_products()!.pointee
        let steps = 1 << 20
        // The best of several: a bound is what is possible, not what is usual.
        func best(_ amount: Double, _ body: () -> Void) -> Double {
            var rate = 0.0
            let start = now()
            repeat {
                let before = now()
                body()
                rate = max(rate, amount / max(now() - before, 1e-9))
            } while now() - start < seconds
            return rate / 1e9
        }
        let sink = TensorStorage(uninitialized: 16 * pool.threadCount)
        let form = PanelForm(arithmetic, storedAs: [.float32]).code
        let each = unsafe kernels.peak_arithmetic(form, 1, sink.base)
        let gflops = best(2 * each * Double(steps * pool.threadCount)) {
            pool.run(pool.threadCount) { _ = unsafe kernels.peak_arithmetic(form, steps, sink.base + 16 * $0) }
        }
        // Larger than any cache, and touched once before, so that its pages exist.
        let bytes = 256 << 20
        let storage = PanelStorage(byteCount: bytes)
        let block = unsafe storage.base.initializeMemory(as: Float.self, repeating: 0, count: bytes / 4)
        let piece = bytes / (4 * pool.threadCount) / 16 * 16
        let rate = best(Double(piece * 4 * pool.threadCount)) {
            pool.run(pool.threadCount) {
                unsafe sink.base[16 * $0] = kernels.peak_read(block + $0 * piece, piece)
            }
        }
        return MachineLimits(gflops: gflops, gigabytesPerSecond: rate)
    }
}
