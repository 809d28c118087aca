internal import CFalconKernels
import Foundation

extension MachineLimits {
    /// 10^9 operations a second that products of bfloat16 values reach on operands in the nearest caches, on all
    /// threads of the pool: the bound of training in bfloat16.
    ///
    /// - Parameter now: seconds on a steady clock.
    package static func bfloat16Gflops(
        on pool: ThreadPool, seconds: Double = 0.5, now: () -> Double = { ProcessInfo.processInfo.systemUptime }
    ) -> Double {
        let loops = unsafe TrainingLoops.best
        let (rows, columns, pairs) = unsafe (4 * loops.product_rows, loops.product_panel, 128)
        let repetitions = 2000
        var rate = 0.0
        let start = now()
        repeat {
            let before = now()
            pool.run(pool.threadCount) { _ in
                let (left, right) = (Tensor(zeros: [rows, pairs]), Tensor(zeros: [pairs, columns]))
                let result = Tensor(zeros: [rows, columns])
                for _ in 0..<repetitions {
                    unsafe loops.multiply_pairs(
                        left.storage.words, rows, right.storage.words, pairs, result.storage.base, columns, columns,
                        0)
                }
            }
            let operations = Double(2 * rows * columns * 2 * pairs * repetitions * pool.threadCount)
            rate = max(rate, operations / max(now() - before, 1e-9))
        } while now() - start < seconds
        return rate / 1e9
    }
}
