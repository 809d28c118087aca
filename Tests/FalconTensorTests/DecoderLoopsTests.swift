import CFalconKernels
import FalconTensor
import Foundation
import Testing

/// RMSNorm and the gated unit of every instruction set that this processor can run, against double precision.
@Suite struct DecoderLoopsTests {
    static var tables: [falcon_training_loops] { (0..<3).compactMap { falcon_training_loops_at($0)?.pointee } }

    static func values(_ count: Int, _ phase: Double) -> [Float] {
        (0..<count).map { Float(sin(Double($0) * 1.7 + phase) * 3) }
    }

    static func agree(_ computed: [Float], _ expected: [Double]) -> Bool {
        zip(computed, expected).allSatisfy { abs(Double($0) - $1) <= 1e-5 * max(1, abs($1)) }
    }

    @Test(arguments: [1, 3, 16, 17, 64, 100]) func `RMSNorm and its adjoint`(width: Int) {
        let (input, weight, gradient) = (Self.values(width, 0), Self.values(width, 1), Self.values(width, 2))
        let meanSquare = input.reduce(0) { $0 + Double($1) * Double($1) } / Double(width)
        let expectedInverse = 1 / (meanSquare + 1e-5).squareRoot()
        let x = input.map(Double.init)
        let (w, g) = (weight.map(Double.init), gradient.map(Double.init))
        let along: Double = (0..<width).reduce(0) { $0 + g[$1] * w[$1] * x[$1] }
        let cubed: Double = expectedInverse * expectedInverse * expectedInverse / Double(width)
        let expectedOutput: [Double] = (0..<width).map { w[$0] * x[$0] * expectedInverse }
        let expectedGradient: [Double] = (0..<width).map { g[$0] * w[$0] * expectedInverse - cubed * along * x[$0] }
        // Added to the ones that are there.
        let expectedWeightGradient: [Double] = (0..<width).map { 1 + g[$0] * x[$0] * expectedInverse }
        for table in Self.tables {
            var output = [Float](repeating: 0, count: width)
            let inverse = table.rms_norm(input, weight, 1e-5, width, &output)
            #expect(abs(Double(inverse) - expectedInverse) < 1e-6 * expectedInverse)
            #expect(Self.agree(output, expectedOutput))
            var inputGradient = output
            var weightGradient = [Float](repeating: 1, count: width)
            table.rms_norm_adjoint(gradient, input, weight, inverse, width, &inputGradient, &weightGradient)
            #expect(Self.agree(inputGradient, expectedGradient))
            #expect(Self.agree(weightGradient, expectedWeightGradient))
        }
    }

    @Test(arguments: [1, 3, 16, 17, 64, 100]) func `Gated unit and its adjoint`(count: Int) {
        let (gate, up, gradient) = (Self.values(count, 0), Self.values(count, 1), Self.values(count, 2))
        var (expectedOutput, expectedGate, expectedUp): ([Double], [Double], [Double]) = ([], [], [])
        for index in 0..<count {
            let (g, u, y) = (Double(gate[index]), Double(up[index]), Double(gradient[index]))
            let sigmoid: Double = 1 / (1 + exp(-g))
            expectedOutput.append(g * sigmoid * u)
            expectedGate.append(y * u * sigmoid * (1 + g * (1 - sigmoid)))
            expectedUp.append(y * g * sigmoid)
        }
        for table in Self.tables {
            var output = [Float](repeating: 0, count: count)
            table.gated_unit(gate, up, count, &output)
            #expect(Self.agree(output, expectedOutput))
            var (gateGradient, upGradient) = (output, output)
            table.gated_unit_adjoint(gradient, gate, up, count, &gateGradient, &upGradient)
            #expect(Self.agree(gateGradient, expectedGate))
            #expect(Self.agree(upGradient, expectedUp))
        }
    }
}
