import FalconAutograd
import FalconTensor

/// A linear layer: `weight` `[outputSize, inputSize]` and, where it has one, `bias` `[outputSize]`.
package struct Linear {
    package let weight: Parameter
    package let bias: Parameter?

    /// - Parameters:
    ///   - scope: the layer's own, e.g. `self_attn.q_proj`.
    ///   - initializer: for the weight; a bias starts at `biasInitializer`.
    package init(
        _ scope: ParameterScope, from inputSize: Int, to outputSize: Int, hasBias: Bool = false,
        initializer: Initializer = .normal(deviation: 0.02), biasInitializer: Initializer = .zeros
    ) {
        weight = scope.parameter("weight", [outputSize, inputSize], initializer)
        bias = hasBias ? scope.parameter("bias", [outputSize], biasInitializer) : nil
    }

    /// `[..., inputSize]` to `[..., outputSize]`.
    package func forward(_ input: Variable, tape: inout Tape) -> Variable {
        let weight = tape.variable(weight)
        let biases = bias.map { [tape.variable($0)] } ?? []
        return tape.linear(input, weight: weight, biases: biases)
    }
}
