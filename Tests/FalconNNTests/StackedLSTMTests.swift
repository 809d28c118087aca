import FalconAutograd
import FalconNN
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// The fusion's cells without biases against `torch.nn.LSTM(6, 3, num_layers=2, bias=False, batch_first=True)` (torch
/// 2.13, float64): weights and inputs are sines, the loss is the sum of the outputs times a sine.
@Suite struct StackedLSTMTests {
    private func sines(_ shape: [Int], _ step: Double) -> Tensor {
        Tensor((0..<shape.reduce(1, *)).map { Float(0.8 * sin(step * Double($0 + 1))) }, shape)
    }

    private struct Reference {
        let recurrence: StackedLSTM.Recurrence
        let output: [Float]
        /// For each weight the sum of the magnitudes of its gradient, and its first three values.
        let gradients: [(name: String, sum: Float, first: [Float])]
    }

    private static let references = [
        Reference(
            recurrence: .overTime,
            output: [
                0.04541354, 0.05475916, -0.05627065, 0.02920428, -0.01203305, -0.00133736, 0.05514443, 0.02231536,
                -0.04227257, 0.03548677, -0.03061185, 0.01258359, 0.04843622, 0.05320934, -0.0570784, 0.02624657,
                -0.01442473, 0.00393522, 0.05333289, 0.02424135, -0.0422475, 0.02825931, -0.02978746, 0.01839327,
            ],
            gradients: [
                ("weight_ih_l0", 0.1669026, [0.00095414, 0.00021055, -0.00059081]),
                ("weight_hh_l0", 0.0136185, [-4.795e-05, 0.00042698, -0.00013792]),
                ("weight_ih_l1", 0.0863575, [-0.00030772, -0.00022967, -0.00012515]),
                ("weight_hh_l1", 0.0530528, [0.00033415, 0.00010918, -0.0002208]),
            ]),
        // Every position is a sequence of length 1.
        Reference(
            recurrence: .none,
            output: [
                0.04541354, 0.05475916, -0.05627065, -0.00532882, 0.01410883, -0.00454489, 0.04696047, 0.05425027,
                -0.05676241, -0.00951319, 0.0161977, -0.00166358, 0.04843622, 0.05320934, -0.0570784, -0.01335813,
                0.01858494, 0.00083933, 0.04985216, 0.05161139, -0.05721943, -0.01681134, 0.02131911, 0.00283647,
            ],
            gradients: [
                ("weight_ih_l0", 0.0685331, [0.00036713, -7.004e-05, -0.00048798]),
                ("weight_ih_l1", 0.050049, [0.00052788, -0.00112837, -0.00044218]),
            ]),
    ]

    @Test(arguments: [0, 1])
    func `an LSTM without biases gives what torch gives, forwards and backwards`(index: Int) throws {
        let reference = StackedLSTMTests.references[index]
        let steps = ["weight_ih_l0": 0.31, "weight_hh_l0": 0.48, "weight_ih_l1": 0.65, "weight_hh_l1": 0.82]
        let shapes = [
            "weight_ih_l0": [12, 6], "weight_hh_l0": [12, 3], "weight_ih_l1": [12, 3], "weight_hh_l1": [12, 3],
        ]
        var weights: [String: Tensor] = [:]
        for (name, step) in steps { weights[name] = sines(try #require(shapes[name]), step) }
        let builder = ParameterBuilder(.stored(StoredParameters(weights)))
        let cells = StackedLSTM(builder.root, from: 6, hidden: 3, hasBias: false, recurrence: reference.recurrence)
        let parameters = try builder.finish()
        #expect(parameters.all.map(\.name).sorted() == steps.keys.sorted())

        var tape = Tape(on: ThreadPool(threadCount: 2))
        var dropout: Dropout?
        let output = cells.forward(Tape.constant(sines([2, 4, 6], 0.53)), dropout: &dropout, tape: &tape)
        expectClose(output.value.scalars, reference.output, absolute: 1e-7, "output")
        let loss = tape.dot(output, sines([2, 4, 3], 0.29))
        let gradients = ParameterGradients(tape.gradients(of: loss), for: parameters)
        for (name, sum, first) in reference.gradients {
            let index = try #require(parameters.trainable.firstIndex { $0.name == name })
            let gradient = try #require(gradients[index])
            expectClose([gradient.scalars.reduce(0) { $0 + abs($1) }], [sum], absolute: 2e-6, name)
            expectClose(Array(gradient.scalars.prefix(3)), first, absolute: 1e-7, name)
        }
    }
}
