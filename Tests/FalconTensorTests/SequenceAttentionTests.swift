import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// Attention over a sequence against its definition in double precision.
@Suite struct SequenceAttentionTests {
    let pool = ThreadPool(threadCount: 2)

    struct Case: CustomTestStringConvertible {
        var batch = 2, time = 7, heads = 4, keyValueHeads = 2, size = 5, blockSize = 1
        var lengths: [Int]?
        var testDescription: String { "[\(batch), \(time)] \(heads)/\(keyValueHeads) k=\(blockSize) \(lengths ?? [])" }
    }

    static let cases = [
        Case(), Case(blockSize: 2), Case(blockSize: 3, lengths: [7, 4]), Case(blockSize: 2, lengths: [0, 1]),
        Case(batch: 1, time: 1, blockSize: 4), Case(batch: 1, time: 150, heads: 3, keyValueHeads: 1, blockSize: 4),
        Case(batch: 3, time: 70, heads: 2, keyValueHeads: 2, size: 16, blockSize: 2, lengths: [70, 65, 3]),
    ]

    /// What the definition gives: output and the three gradients for `sum(output * seed)`.
    func expected(
        _ test: Case, _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ seed: Tensor
    ) -> [Tensor] {
        let (time, size) = (test.time, test.size)
        let group = test.heads / test.keyValueHeads
        var output = [Double](repeating: 0, count: queries.count)
        var gradients = [queries, keys, values].map { [Double](repeating: 0, count: $0.count) }
        let (q, k, v, s) = (queries.scalars, keys.scalars, values.scalars, seed.scalars)
        let scale = 1 / Double(size).squareRoot()
        for row in 0..<test.batch {
            for head in 0..<test.heads {
                func query(_ position: Int) -> Int { ((row * time + position) * test.heads + head) * size }
                func key(_ position: Int) -> Int {
                    ((row * time + position) * test.keyValueHeads + head / group) * size
                }
                for i in 0..<time {
                    let seen = (0..<time).filter {
                        $0 / test.blockSize <= i / test.blockSize && $0 < test.lengths?[row] ?? time
                    }
                    let weights = seen.map { j in
                        exp(scale * (0..<size).reduce(0.0) { $0 + Double(q[query(i) + $1]) * Double(k[key(j) + $1]) })
                    }
                    let sum = weights.reduce(0, +)
                    let slopes = seen.map { j in
                        (0..<size).reduce(0.0) { $0 + Double(s[query(i) + $1]) * Double(v[key(j) + $1]) }
                    }
                    let mean = zip(weights, slopes).reduce(0.0) { $0 + $1.0 * $1.1 / sum }
                    for (number, j) in seen.enumerated() {
                        let p = weights[number] / sum
                        let slope = p * (slopes[number] - mean) * scale
                        for d in 0..<size {
                            output[query(i) + d] += p * Double(v[key(j) + d])
                            gradients[0][query(i) + d] += slope * Double(k[key(j) + d])
                            gradients[1][key(j) + d] += slope * Double(q[query(i) + d])
                            gradients[2][key(j) + d] += p * Double(s[query(i) + d])
                        }
                    }
                }
            }
        }
        return [Tensor(output.map(Float.init), queries.shape)]
            + zip(gradients, [queries, keys, values]).map { Tensor($0.0.map(Float.init), $0.1.shape) }
    }

    @Test(arguments: cases) func `Output and gradients are those of the definition`(test: Case) {
        var random = RandomSource(seed: 3)
        func values(_ heads: Int) -> Tensor {
            Tensor(normal: 1, [test.batch, test.time, heads * test.size], from: &random)
        }
        let (queries, keys, held) = (values(test.heads), values(test.keyValueHeads), values(test.keyValueHeads))
        let seed = values(test.heads)
        let visibility = Visibility(blockSize: test.blockSize, lengths: test.lengths)
        let forward = SequenceAttention.forward(
            queries: queries, keys: keys, values: held, heads: test.heads, keyValueHeads: test.keyValueHeads,
            visibility: visibility, on: pool)
        let adjoint = SequenceAttention.adjoint(
            seed, queries: queries, keys: keys, values: held, output: forward.output, logSumExp: forward.logSumExp,
            heads: test.heads, keyValueHeads: test.keyValueHeads, visibility: visibility, on: pool)
        let computed = [forward.output, adjoint.queries, adjoint.keys, adjoint.values]
        let names = ["output", "query gradient", "key gradient", "value gradient"]
        for (index, right) in expected(test, queries, keys, held, seed).enumerated() {
            expectClose(computed[index], right, absolute: 2e-5, relative: 1e-5, names[index])
        }
    }

    @Test func `Results do not depend on the number of threads`() {
        var random = RandomSource(seed: 4)
        let inputs = (0..<4).map { _ in Tensor(normal: 1, [2, 130, 24], from: &random) }
        let results = [1, 2, 3].map { threads in
            let pool = ThreadPool(threadCount: threads)
            let forward = SequenceAttention.forward(
                queries: inputs[0], keys: inputs[1], values: inputs[2], heads: 3, keyValueHeads: 3,
                visibility: Visibility(blockSize: 2), on: pool)
            let adjoint = SequenceAttention.adjoint(
                inputs[3], queries: inputs[0], keys: inputs[1], values: inputs[2], output: forward.output,
                logSumExp: forward.logSumExp, heads: 3, keyValueHeads: 3, visibility: Visibility(blockSize: 2),
                on: pool)
            return [forward.output, adjoint.queries, adjoint.keys, adjoint.values]
        }
        #expect(results[0] == results[1] && results[1] == results[2])
    }
}
