import FalconAutograd
import FalconTensor
import Testing

/// Parts of a pass that are run again on the way back.
@Suite struct RecomputationTests {
    private let pool = ThreadPool(threadCount: 2)
    private final class Weight {
        let value: Tensor
        init(_ value: Tensor) { self.value = value }
    }

    private func values(_ shape: [Int], seed: UInt64) -> Tensor {
        var random = RandomSource(seed: seed)
        return Tensor(normal: 0.5, shape, from: &random)
    }

    @Test func `a recomputed part gives the same bits and keeps one node`() throws {
        let (time, hidden) = (7, 8)
        let weights = [
            Weight(values([4 * hidden, hidden], seed: 1)), Weight(values([4 * hidden, hidden], seed: 2)),
            Weight(values([hidden, hidden], seed: 3)),
        ]
        let input = values([2, time, hidden], seed: 4)
        var counts: [Int] = []
        var found: [[Tensor]] = []
        for recomputes in [false, true] {
            var tape = Tape(on: pool, recomputes: recomputes)
            let leaf = tape.leaf(input)
            let recurrent = tape.part(leaf) { input, tape in
                let projected = tape.linear(input, weight: tape.leaf(weights[0].value, owner: weights[0]))
                return tape.lstm(projected, hiddenWeight: tape.leaf(weights[1].value, owner: weights[1]))
            }
            let output = tape.part(recurrent) { input, tape in
                // One weight used twice, the input three times: the sums keep their order.
                let weight = tape.leaf(weights[2].value, owner: weights[2])
                let queries = tape.linear(input, weight: weight)
                let attended = tape.attention(
                    queries: queries, keys: tape.linear(input, weight: weight), values: input, heads: 2,
                    keyValueHeads: 2, visibility: Visibility(blockSize: 2))
                return tape.add(input, attended)
            }
            counts.append(tape.count)
            let gradients = tape.gradients(of: output, seed: values(output.shape, seed: 5))
            found.append(
                [output.value, try #require(gradients[leaf])]
                    + (try weights.map { try #require(gradients[owner: $0]) }))
        }
        #expect(found[0] == found[1])
        // One input, three weights, two parts.
        #expect(counts == [10, 6])
    }

    @Test func `a part over constants leaves no trace, and none is left without gradients`() {
        let input = values([2, 3, 4], seed: 1)
        var tape = Tape(on: pool, recomputes: true)
        let constant = tape.part(Tape.constant(input)) { input, tape in tape.scale(input, by: 2) }
        #expect(!constant.needsGradient && tape.count == 0)
        var silent = Tape(on: pool, recordsGradients: false, recomputes: true)
        let leaf = silent.leaf(input)
        let doubled = silent.part(leaf) { input, tape in tape.scale(input, by: 2) }
        #expect(doubled.value == constant.value && silent.count == 0)
    }
}
