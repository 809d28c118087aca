import FalconAutograd
import FalconTensor
import Testing

/// Every backward rule against finite differences of its forward pass.
@Suite struct OperationTests {
    let pool = ThreadPool(threadCount: 2)

    /// Reproducible values of about size 1.
    func values(_ shape: [Int], seed: UInt64 = 1) -> Tensor {
        var random = RandomSource(seed: seed)
        return Tensor(normal: 1, shape, from: &random)
    }

    @Test func `Linear`() {
        let inputs = [values([2, 3, 5]), values([4, 5], seed: 2), values([4], seed: 3), values([4], seed: 4)]
        let result = GradientCheck.check(inputs, on: pool) { tape, inputs in
            tape.linear(inputs[0], weight: inputs[1], biases: Array(inputs[2...]))
        }
        #expect(result.passes, "\(result)")
    }

    @Test func `Linear with a constant weight or input still gives the other its gradient`() {
        let (input, weight) = (values([3, 5]), values([4, 5], seed: 2))
        for result in [
            GradientCheck.check([input]) { $0.linear($1[0], weight: Tape.constant(weight)) },
            GradientCheck.check([weight]) { $0.linear(Tape.constant(input), weight: $1[0]) },
        ] { #expect(result.passes, "\(result)") }
    }

    @Test func `Reshape and dot`() {
        let weights = values([6], seed: 2)
        let result = GradientCheck.check([values([2, 3])]) { $0.dot($0.reshape($1[0], [6]), weights) }
        #expect(result.passes, "\(result)")
    }

    @Test func `Embedding, with a token that occurs twice`() {
        let result = GradientCheck.check([values([6, 3])]) { $0.embedding([4, 0, 4, 5], weight: $1[0]) }
        #expect(result.passes, "\(result)")
    }

    @Test func `RMSNorm`() {
        let result = GradientCheck.check([values([2, 3, 19]), values([19], seed: 2)], on: pool) { tape, inputs in
            tape.normalize(inputs[0], weight: inputs[1], epsilon: 1e-5)
        }
        #expect(result.passes, "\(result)")
    }

    @Test func `RMSNorm over enough rows for several pieces adds up the weight's gradient`() {
        let (input, weight) = (values([40, 2048]), values([2048], seed: 2))
        var tape = Tape(on: pool)
        let leaf = tape.leaf(weight)
        let gradient = tape.gradients(of: tape.sum(tape.normalize(Tape.constant(input), weight: leaf, epsilon: 0)))
        let computed = gradient[leaf]!.scalars
        for column in stride(from: 0, to: 2048, by: 97) {
            let expected = (0..<40).reduce(0.0) { sum, row in
                let values = input.row(row)
                let meanSquare = values.reduce(0.0) { $0 + Double($1) * Double($1) } / 2048
                return sum + Double(values[column]) / meanSquare.squareRoot()
            }
            #expect(abs(Double(computed[column]) - expected) < 1e-4)
        }
    }

    @Test func `Gated unit`() {
        let result = GradientCheck.check([values([3, 7]), values([3, 7], seed: 2)], on: pool) {
            $0.gatedUnit($1[0], $1[1])
        }
        #expect(result.passes, "\(result)")
    }

    @Test func `The gated unit stays finite for large gates of either sign`() {
        let gate = Tensor([-200, -90, 0, 90, 200], [5])
        var tape = Tape(on: pool)
        let (leaf, up) = (tape.leaf(gate), Tape.constant(Tensor(repeating: 2, [5])))
        let output = tape.gatedUnit(leaf, up)
        #expect(output.value.isFinite)
        #expect(output.value.scalars.suffix(3) == [0, 180, 400])
        #expect(tape.gradients(of: tape.sum(output))[leaf]!.isFinite)
    }

    @Test func `Concatenation`() {
        let result = GradientCheck.check([values([2, 2, 3]), values([2, 2, 4], seed: 2)]) {
            $0.concatenate($1[0], $1[1])
        }
        #expect(result.passes, "\(result)")
    }

    @Test func `Dropout drops its share, keeps the mean and falls the same way backwards`() {
        let input = Tensor(repeating: 1, [100, 100])
        var random = RandomSource(seed: 5)
        var tape = Tape(on: pool)
        let leaf = tape.leaf(input)
        let output = tape.dropout(leaf, rate: 0.1, random: &random)
        let dropped = output.value.scalars.filter { $0 == 0 }.count
        #expect((900...1100).contains(dropped))
        #expect(abs(output.value.sum() / 10_000 - 1) < 0.02)
        let result = output.value
        #expect(tape.gradients(of: tape.sum(output))[leaf] == result)
    }

    @Test func `Dropout, from one source and from one for each row`() {
        let result = GradientCheck.check([values([4, 5])]) { tape, inputs in
            var random = RandomSource(seed: 5)
            return tape.dropout(inputs[0], rate: 0.4, random: &random)
        }
        #expect(result.passes, "\(result)")
        let rows = GradientCheck.check([values([4, 5])]) { tape, inputs in
            var sources = (0..<4).map { RandomSource(seed: $0) }
            return tape.dropout(inputs[0], rate: 0.4, sources: &sources)
        }
        #expect(rows.passes, "\(rows)")
    }

    @Test func `Rows of which one is read twice, and their sum`() {
        let result = GradientCheck.check([values([5, 3])]) { $0.rows(of: $1[0], at: [3, 0, 3]) }
        #expect(result.passes, "\(result)")
        let sum = GradientCheck.check([values([5, 3])]) { $0.sum($1[0]) }
        #expect(sum.passes, "\(sum)")
    }

    @Test func `Dropout with rate 0 draws nothing`() {
        var random = RandomSource(seed: 5)
        var tape = Tape(on: pool)
        let leaf = tape.leaf(values([2, 2]))
        #expect(tape.dropout(leaf, rate: 0, random: &random).value == leaf.value)
        #expect(random.drawn == 0)
    }

    @Test func `Rotary embedding`() {
        let angles = RotaryTable(inverseFrequencies: [1, 0.3, 0.05]).angles(at: [0, 1, 0, 7])
        let result = GradientCheck.check([values([2, 2, 12])], on: pool) {
            $0.rotate($1[0], by: angles, heads: 2)
        }
        #expect(result.passes, "\(result)")
    }
}
