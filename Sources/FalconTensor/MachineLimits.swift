internal import CFalconKernels
import Foundation

/// What this machine can do at most, measured by loops that do nothing else: the bounds of the benchmarks.
package struct MachineLimits: Sendable {
    /// 10^9 operations of an arithmetic a second on all threads of the pool, a multiply-add counted as two.
    package let gflops: Double
    /// 10^9 bytes a second read from memory by all threads of the pool.
    package let gigabytesPerSecond: Double

    package init(gflops: Double, gigabytesPerSecond: Double) {
        (self.gflops, self.gigabytesPerSecond) = (gflops, gigabytesPerSecond)
    }

    /// Which loops inference takes on this processor, by the instruction set that they were written for, e.g. "avx512".
    package static var loops: String { unsafe String(cString: falcon_products()!.pointee.name) + " loops" }

    /// Measures for about `2 * seconds`.
    ///
    /// - Parameters:
    ///   - arithmetic: what operations count.
    ///   - now: seconds on a steady clock.
    package static func measure(
        of arithmetic: ProductArithmetic = .float32, on pool: ThreadPool, seconds: Double = 0.5,
        now: () -> Double = { ProcessInfo.processInfo.systemUptime }
    ) -> MachineLimits {
        MachineLimits(
            gflops: gflops(of: arithmetic, on: pool, seconds: seconds, now: now),
            gigabytesPerSecond: MemoryReading(on: pool).gigabytesPerSecond(on: pool, seconds: seconds, now: now))
    }

    /// 10^9 operations of an arithmetic a second, in registers alone.
    package static func gflops(
        of arithmetic: ProductArithmetic, on pool: ThreadPool, seconds: Double = 0.5,
        now: () -> Double = { ProcessInfo.processInfo.systemUptime }
    ) -> Double {
        let form = PanelForm(peakOf: arithmetic).code
        let peak = unsafe falcon_products()!.pointee.forms[Int(form)].peak!
        let steps = 1 << 20
        let sink = TensorStorage(uninitialized: 16 * pool.threadCount)
        let each = unsafe peak(1, sink.base)
        return best(2 * each * Double(steps * pool.threadCount), seconds, now) {
            pool.run(pool.threadCount) { _ = unsafe peak(steps, sink.base + 16 * $0) }
        }
    }

    /// The best of several, 10^9 a second: a bound is what is possible, not what is usual.
    fileprivate static func best(_ amount: Double, _ seconds: Double, _ now: () -> Double, _ body: () -> Void) -> Double
    {
        var rate = 0.0
        let start = now()
        repeat {
            let before = now()
            body()
            rate = max(rate, amount / max(now() - before, 1e-9))
        } while now() - start < seconds
        return rate / 1e9
    }
}

/// Memory larger than any cache, to be read as fast as it goes.
package struct MemoryReading {
    private let storage: PanelStorage
    private static let byteCount = 256 << 20

    /// Touches it once, so that its pages exist, on the threads that will read it.
    package init(on pool: ThreadPool) {
        storage = PanelStorage(byteCount: MemoryReading.byteCount)
        let bytes = MemoryReading.byteCount / pool.threadCount
        pool.run(pool.threadCount) { [storage] in
            _ = unsafe (storage.base + $0 * bytes).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        }
    }

    /// 10^9 bytes a second read by all threads of the pool, the best of some passes.
    package func gigabytesPerSecond(
        on pool: ThreadPool, seconds: Double = 0.1, now: () -> Double = { ProcessInfo.processInfo.systemUptime }
    ) -> Double {
        let kernels = unsafe falcon_products()!.pointee
        let sink = TensorStorage(uninitialized: 16 * pool.threadCount)
        let block = unsafe storage.base.assumingMemoryBound(to: Float.self)
        let piece = MemoryReading.byteCount / (4 * pool.threadCount) / 64 * 64
        return MachineLimits.best(Double(piece * 4 * pool.threadCount), seconds, now) {
            pool.run(pool.threadCount) {
                unsafe sink.base[16 * $0] = kernels.peak_read(block + $0 * piece, piece)
            }
        }
    }
}
