import FalconAutograd
import FalconTensor
import Testing

/// The backward rules of operations over sequences, against finite differences.
@Suite struct SequenceOperationTests {
    let pool = ThreadPool(threadCount: 2)

    func values(_ shape: [Int], _ deviation: Float = 1, seed: UInt64) -> Tensor {
        var random = RandomSource(seed: seed)
        return Tensor(normal: deviation, shape, from: &random)
    }

    @Test(arguments: [(1, 4, 4), (2, 4, 2), (3, 2, 1)])
    func `Attention with the relaxed causal mask, padding and grouped heads`(form: (Int, Int, Int)) {
        let (blockSize, heads, keyValueHeads) = form
        let inputs = [
            values([2, 5, heads * 3], seed: 1), values([2, 5, keyValueHeads * 3], seed: 2),
            values([2, 5, keyValueHeads * 3], seed: 3),
        ]
        let result = GradientCheck.check(inputs, on: pool) { tape, inputs in
            tape.attention(
                queries: inputs[0], keys: inputs[1], values: inputs[2], heads: heads, keyValueHeads: keyValueHeads,
                visibility: Visibility(blockSize: blockSize, lengths: [5, 3]))
        }
        #expect(result.passes, "\(result)")
    }

    @Test func `LSTM over time`() {
        let inputs = [values([2, 4, 12], seed: 1), values([12, 3], 0.7, seed: 2)]
        let result = GradientCheck.check(inputs, on: pool) { $0.lstm($1[0], hiddenWeight: $1[1]) }
        #expect(result.passes, "\(result)")
    }

    @Test func `LSTM over time from a given state`() {
        let inputs = [values([2, 3, 20], seed: 1), values([20, 5], 0.7, seed: 2)]
        let state = LSTM.State(hidden: values([2, 5], seed: 3), cell: values([2, 5], seed: 4))
        let result = GradientCheck.check(inputs, on: pool) { $0.lstm($1[0], hiddenWeight: $1[1], initial: state) }
        #expect(result.passes, "\(result)")
    }

    @Test func `Gated fusion, whose forget gate is dead`() throws {
        let inputs = [
            values([2, 3, 4], seed: 1), values([12, 4], 0.7, seed: 2), values([12], seed: 3), values([12], seed: 4),
        ]
        let result = GradientCheck.check(inputs, on: pool) {
            $0.gatedFusion($1[0], weight: $1[1], biases: [$1[2], $1[3]])
        }
        #expect(result.passes, "\(result)")

        var tape = Tape(on: pool)
        let weight = tape.leaf(inputs[1])
        let output = tape.gatedFusion(
            Tape.constant(inputs[0]), weight: weight, biases: [Tape.constant(inputs[2]), Tape.constant(inputs[3])])
        let gradient = try #require(tape.gradients(of: tape.sum(output))[weight])
        for row in 0..<12 { #expect(gradient.row(row).allSatisfy { $0 == 0 } == (3..<6).contains(row)) }
    }
}
