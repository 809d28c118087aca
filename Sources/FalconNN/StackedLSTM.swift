import FalconAutograd
import FalconTensor

/// Stacked LSTM cells with PyTorch's parameters: `weight_ih_l0` `[4 hidden, input]`, `weight_hh_l0`
/// `[4 hidden, hidden]`, `bias_ih_l0` and `bias_hh_l0` `[4 hidden]` (none with `bias=False`), then `_l1` and so on;
/// gates in the order i, f, g, o.
package struct StackedLSTM {
    /// What a position starts from.
    package enum Recurrence: Sendable {
        /// The state after the position before it: the usual LSTM.
        case overTime
        /// Zero, always. Then W_hh and the forget gate never matter, and a cell is `o * tanh(i * g)`.
        case none
    }

    package struct Layer {
        package let inputWeight: Parameter
        package let hiddenWeight: Parameter
        /// b_ih and b_hh, or none.
        package let biases: [Parameter]
    }

    package let layers: [Layer]
    package let recurrence: Recurrence

    package init(
        _ scope: ParameterScope, from inputSize: Int, hidden: Int, layerCount: Int = 2, hasBias: Bool = true,
        recurrence: Recurrence
    ) {
        // PyTorch's default for every weight and bias of an LSTM.
        let initializer = Initializer.uniform(bound: 1 / Float(hidden).squareRoot())
        layers = (0..<layerCount).map { number in
            let width = number == 0 ? inputSize : hidden
            return Layer(
                inputWeight: scope.parameter("weight_ih_l\(number)", [4 * hidden, width], initializer),
                hiddenWeight: scope.parameter("weight_hh_l\(number)", [4 * hidden, hidden], initializer),
                biases: (hasBias ? ["bias_ih_l\(number)", "bias_hh_l\(number)"] : []).map {
                    scope.parameter($0, [4 * hidden], initializer)
                })
        }
        self.recurrence = recurrence
    }

    /// - Parameters:
    ///   - input: `[batch, time, inputSize]`.
    ///   - dropout: between the layers.
    /// - Returns: the last layer's hidden states, `[batch, time, hidden]`.
    package func forward(_ input: Variable, dropout: inout Dropout?, tape: inout Tape) -> Variable {
        var state = input
        for (number, layer) in layers.enumerated() {
            if number > 0 { state = dropout?.forward(state, tape: &tape) ?? state }
            state = tape.part(state) { cells($0, layer, tape: &$1) }
        }
        return state
    }

    private func cells(_ input: Variable, _ layer: Layer, tape: inout Tape) -> Variable {
        let weight = tape.variable(layer.inputWeight)
        let biases = layer.biases.map { tape.variable($0) }
        switch recurrence {
        case .overTime:
            let projected = tape.linear(input, weight: weight, biases: biases)
            return tape.lstm(projected, hiddenWeight: tape.variable(layer.hiddenWeight))
        case .none:
            return tape.gatedFusion(input, weight: weight, biases: biases)
        }
    }
}
