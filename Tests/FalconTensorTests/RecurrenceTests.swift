import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// The LSTM and the gated cell against their definitions in double precision; the gradients are checked by finite
/// differences beside the tape.
@Suite struct RecurrenceTests {
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    func toBFloat16(_ tensor: Tensor) -> Tensor {
        Tensor(bytes: tensor.bytes(as: .bfloat16), as: .bfloat16, tensor.shape)
    }

    /// - Parameter rounds: whether the recurrent product's factors are rounded to bfloat16.
    func expectedHidden(
        _ projected: Tensor, _ weight: Tensor, _ initial: LSTM.State?, rounds: Bool = false
    ) -> Tensor {
        let (batch, time, size) = (projected.shape[0], projected.shape[1], weight.width)
        let w = (rounds ? toBFloat16(weight) : weight).scalars
        var result: [Float] = []
        for row in 0..<batch {
            var h = initial?.hidden.row(row).map(Double.init) ?? [Double](repeating: 0, count: size)
            var c = initial?.cell.row(row).map(Double.init) ?? [Double](repeating: 0, count: size)
            for position in 0..<time {
                let given = projected.row(row * time + position)
                if rounds { h = toBFloat16(Tensor(h.map { Float($0) }, [size])).scalars.map(Double.init) }
                let gates = (0..<4 * size).map { gate in
                    (0..<size).reduce(Double(given[gate])) { $0 + Double(w[gate * size + $1]) * h[$1] }
                }
                for unit in 0..<size {
                    c[unit] =
                        sigmoid(gates[size + unit]) * c[unit] + sigmoid(gates[unit]) * tanh(gates[2 * size + unit])
                    h[unit] = sigmoid(gates[3 * size + unit]) * tanh(c[unit])
                }
                result += h.map(Float.init)
            }
        }
        return Tensor(result, [batch, time, size])
    }

    @Test(arguments: [(1, 1, 3), (2, 5, 16), (3, 4, 17), (5, 3, 70), (4, 6, 300)])
    func `LSTM over time is its definition, from zero and from a given state`(shape: (Int, Int, Int)) {
        let (batch, time, size) = shape
        let pool = ThreadPool(threadCount: 2)
        var random = RandomSource(seed: 5)
        let projected = Tensor(normal: 1, [batch, time, 4 * size], from: &random)
        let weight = Tensor(normal: 0.3, [4 * size, size], from: &random)
        let state = LSTM.State(
            hidden: Tensor(normal: 0.5, [batch, size], from: &random),
            cell: Tensor(normal: 1, [batch, size], from: &random))
        for initial in [nil, state] {
            let steps = LSTM.forward(projected: projected, hiddenWeight: weight, initial: initial, on: pool)
            expectClose(
                steps.hidden, expectedHidden(projected, weight, initial), absolute: 2e-5,
                "hidden, \(initial == nil ? "zero" : "given") state")
        }
    }

    @Test(arguments: [(1, 1, 3), (2, 5, 17), (5, 3, 70), (4, 6, 300), (1, 4, 800)])
    func `LSTM in bfloat16 is its definition on rounded factors, and its adjoint near float32's`(
        shape: (Int, Int, Int)
    ) {
        let (batch, time, size) = shape
        let pool = ThreadPool(threadCount: 2)
        var random = RandomSource(seed: 15)
        let projected = Tensor(normal: 1, [batch, time, 4 * size], from: &random)
        let weight = Tensor(normal: 0.5 / Float(size).squareRoot(), [4 * size, size], from: &random)
        let seed = Tensor(normal: 1, [batch, time, size], from: &random)
        let state = LSTM.State(
            hidden: Tensor(normal: 0.5, [batch, size], from: &random),
            cell: Tensor(normal: 1, [batch, size], from: &random))
        for initial in [nil, state] {
            let steps = LSTM.forward(
                projected: projected, hiddenWeight: weight, initial: initial, precision: .bfloat16, on: pool)
            // A hidden value that lies between two bfloat16 numbers may be rounded either way.
            expectClose(
                steps.hidden, expectedHidden(projected, weight, initial, rounds: true), absolute: 1e-3, "hidden")
            let exact = LSTM.forward(projected: projected, hiddenWeight: weight, initial: initial, on: pool)
            let rough = LSTM.adjoint(seed, steps: steps, hiddenWeight: weight, precision: .bfloat16, on: pool)
            let adjoint = LSTM.adjoint(seed, steps: exact, hiddenWeight: weight, on: pool)
            expectClose(rough.projected, adjoint.projected, absolute: 3e-2, "gate gradients")
            expectClose(rough.hiddenWeight, adjoint.hiddenWeight, absolute: 1e-1, "weight gradient")
        }
    }

    @Test func `LSTM results do not depend on the number of threads`() {
        var random = RandomSource(seed: 6)
        for (size, precision) in [(40, ProductPrecision.float32), (300, .float32), (40, .bfloat16), (600, .bfloat16)] {
            let projected = Tensor(normal: 1, [3, 6, 4 * size], from: &random)
            let weight = Tensor(normal: 0.1, [4 * size, size], from: &random)
            let seed = Tensor(normal: 1, [3, 6, size], from: &random)
            let results = [1, 2, 3].map { threads in
                let pool = ThreadPool(threadCount: threads)
                let steps = LSTM.forward(
                    projected: projected, hiddenWeight: weight, precision: precision, on: pool)
                let adjoint = LSTM.adjoint(
                    seed, steps: steps, hiddenWeight: weight, precision: precision, on: pool)
                return [steps.hidden, adjoint.projected, adjoint.hiddenWeight]
            }
            #expect(results[0] == results[1] && results[1] == results[2])
        }
    }

    @Test(arguments: [(1, 3, 2), (7, 20, 19), (300, 8, 16)])
    func `The gated cell is an LSTM of one step from zero`(shape: (Int, Int, Int)) {
        let (rows, depth, size) = shape
        let pool = ThreadPool(threadCount: 2)
        var random = RandomSource(seed: 7)
        let input = Tensor(normal: 1, [rows, depth], from: &random)
        let weight = Tensor(normal: 0.5, [4 * size, depth], from: &random)
        let bias = Tensor(normal: 0.5, [4 * size], from: &random)
        var projected = Tensor.product(input, weight, transposed: (false, true), on: pool)
        projected.addToRows(bias)
        let unused = Tensor(normal: 1, [4 * size, size], from: &random)
        let expected = LSTM.forward(
            projected: projected.reshaped([rows, 1, 4 * size]), hiddenWeight: unused, on: pool)
        let hidden = GatedCell.forward(input, weight: weight, bias: bias, on: pool).hidden
        expectClose(hidden, expected.hidden.reshaped([rows, size]), absolute: 2e-6, "hidden")

        let seed = Tensor(normal: 1, [rows, size], from: &random)
        let gates = GatedCell.forward(input, weight: weight, bias: bias, on: pool).gates
        let adjoint = GatedCell.adjoint(seed, input: input, weight: weight, gates: gates, on: pool)
        let slopes = LSTM.adjoint(
            seed.reshaped([rows, 1, size]), steps: expected, hiddenWeight: unused, on: pool
        ).projected.reshaped([rows, 4 * size])
        let scale = Float(rows).squareRoot()
        expectClose(
            adjoint.weight, Tensor.product(slopes, input, transposed: (true, false), on: pool),
            absolute: 1e-5 * scale, "weight gradient")
        expectClose(adjoint.bias, slopes.sumOfRows(), absolute: 1e-5 * scale, "bias gradient")
        expectClose(
            adjoint.input ?? input, Tensor.product(slopes, weight, on: pool), absolute: 1e-5, "input gradient")
    }
}
