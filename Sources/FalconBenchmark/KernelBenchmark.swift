import FalconTensor

extension InferenceBenchmarks {
    /// Each packed product of a model alone, with 1 to 512 rows. Layers take turns, as in a pass, so that weights come
    /// from where they come from in use; the figures above `products` are those of 8 rows of all products together.
    /// With `stored` weights are blocks of 4 bits, of 6 in the last two.
    package func kernels() throws -> BenchmarkReport {
        let limits = MachineLimits.measure(of: arithmetic, on: pool)
        let model = size.configuration
        let (hidden, wide) = (model.hiddenSize, model.intermediateSize)
        let query = model.headCount * model.headSize
        let projected = query + 2 * model.keyValueHeadCount * model.headSize
        let shapes: [(name: String, columns: Int, depth: Int, count: Int)] = [
            ("query, key, value", projected, hidden, model.layerCount),
            ("attention output", hidden, query, model.layerCount), ("gate, up", 2 * wide, hidden, model.layerCount),
            ("down", hidden, wide, model.layerCount), ("LM head", model.vocabularySize, hidden, 1),
        ]
        var source = RandomSource(seed: 1)
        let block = Tensor(normal: 0.02, [1 << 16], from: &source).scalars
        func random(_ rows: Int, _ columns: Int) -> Tensor {
            Tensor((0..<rows * columns).map { block[($0 &* 40_503) & 0xffff] }, [rows, columns])
        }
        var products: [ProductReport] = []
        var (seconds, operations, bytes, bound) = (0.0, 0.0, 0.0, 0.0)
        for shape in shapes {
            let matrices = try RandomBlocks.withFolder { folder in
                let weight =
                    arithmetic == .stored
                    ? try RandomBlocks.matrix(
                        ["down", "LM head"].contains(shape.name) ? .q6_K : .q4_K, rows: shape.columns,
                        columns: shape.depth, folder: folder)
                    : StoredMatrix(random(shape.columns, shape.depth))
                return (0..<shape.count).map { _ in PackedMatrix([weight], arithmetic: arithmetic, on: pool) }
            }
            for rows in [1, 4, 8, 16, 32, 64, 512] {
                let x = random(rows, shape.depth)
                let time =
                    stopwatch.median(of: 0.3) {
                        for matrix in matrices { _ = matrix.multiply(x, on: pool) }
                    } / Double(shape.count)
                let work = 2 * Double(rows * shape.columns * shape.depth)
                let read = Double(matrices[0].byteCount)
                let least = max(work / limits.gflops, read / limits.gigabytesPerSecond) / 1e9
                products.append(
                    ProductReport(
                        name: shape.name, rows: rows, milliseconds: time * 1000, gflops: work / time / 1e9,
                        gigabytesPerSecond: read / time / 1e9, shareOfBound: least / time))
                guard rows == 8 else { continue }
                let count = Double(shape.count)
                seconds += time * count
                operations += work * count
                bytes += read * count
                bound += least * count
            }
        }
        var report = BenchmarkReport(
            job: "kernels", size: size.rawValue, dtype: arithmetic.rawValue, threads: pool.threadCount,
            tokensPerSecond: 8 / seconds, milliseconds: seconds * 1000,
            peakMemoryBytes: ProcessMemory.peakByteCount, gflops: operations / seconds / 1e9,
            gigabytesPerSecond: bytes / seconds / 1e9, shareOfBound: bound / seconds)
        report.products = products
        return report
    }
}
