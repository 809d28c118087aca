import FalconNN
import FalconTensor
import Testing

@Suite struct LookAheadTests {
    let pool = ThreadPool(threadCount: 1)

    @Test(arguments: [(8, 2), (32, 2), (32, 4), (128, 3)])
    func `each head scores the position at its offset of the block highest`(headSize: Int, blockSize: Int) {
        let frequencies = (0..<headSize / 2).map { Float(1) / (0..<$0).reduce(Float(1)) { result, _ in result * 1.5 } }
        let start = LookAhead(blockSize: blockSize, inverseFrequencies: frequencies)
        let table = RotaryTable(inverseFrequencies: frequencies)
        let (heads, here, positions) = (2 * blockSize, 20, Array(0..<40))
        let queries = table.rotate(
            Tensor(start.queryBiases(heads: heads), [1, heads * headSize]), heads: heads, positions: [here], on: pool)
        let keys = table.rotate(
            Tensor(positions.flatMap { _ in start.keyBiases(heads: 1) }, [positions.count, headSize]), heads: 1,
            positions: positions, on: pool
        ).scalars
        for head in 0..<heads {
            let query = queries.scalars[head * headSize..<(head + 1) * headSize]
            let scores = positions.map { position in
                zip(query, keys[position * headSize..<(position + 1) * headSize]).reduce(Float(0)) { $0 + $1.0 * $1.1 }
                    / Float(headSize).squareRoot()
            }
            let best = here + head % blockSize
            for position in positions where position != best { #expect(scores[position] < scores[best] - 2.9) }
            #expect(abs(scores[best] - scores[best - 1] - 3) < 0.01 && abs(scores[best] - scores[best + 1] - 3) < 0.01)
        }
    }
}
