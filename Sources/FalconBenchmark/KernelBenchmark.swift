import FalconTensor

extension InferenceBenchmarks {
    /// The packed product alone, on a square layer of the size's hidden width, with 64 rows.
    package func kernels() -> BenchmarkReport {
        let width = size.configuration.hiddenSize
        var source = RandomSource(seed: 1)
        let weight = Tensor(normal: 0.02, [width, width], from: &source)
        let matrix = PackedMatrix([StoredMatrix(weight)], on: pool)
        let x = Tensor(normal: 1, [64, width], from: &source)
        let seconds = Stopwatch().median { _ = matrix.multiply(x, on: pool) }
        let operations = 2.0 * 64 * Double(width * width)
        let rate = operations / seconds / 1e9
        return BenchmarkReport(
            job: "kernels", size: size.rawValue, dtype: matrix.type.rawValue, threads: pool.threadCount,
            tokensPerSecond: 64 / seconds, milliseconds: seconds * 1000,
            peakMemoryBytes: ProcessMemory.peakByteCount, gflops: rate,
            gigabytesPerSecond: Double(matrix.byteCount) / seconds / 1e9, shareOfBound: rate / limits.gflops)
    }
}
