import FalconAutograd
import FalconTensor
import FalconWeights

/// Llama's feed-forward layer: `down(silu(gate(x)) * up(x))`.
package struct GatedFeedForward {
    package let gate: Linear
    package let up: Linear
    package let down: Linear

    package init(_ scope: ParameterScope, _ configuration: ModelConfiguration, _ start: LayerStart) {
        let initializer = Initializer.normal(deviation: start.deviation)
        let (hidden, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        gate = Linear(scope.scope("gate_proj"), from: hidden, to: inner, initializer: initializer)
        up = Linear(scope.scope("up_proj"), from: hidden, to: inner, initializer: initializer)
        down = Linear(scope.scope("down_proj"), from: inner, to: hidden, initializer: initializer)
    }

    /// `[..., hidden]` to the same shape.
    package func forward(_ input: Variable, tape: inout Tape) -> Variable {
        let gates = gate.forward(input, tape: &tape)
        let values = up.forward(input, tape: &tape)
        return down.forward(tape.gatedUnit(gates, values), tape: &tape)
    }
}
