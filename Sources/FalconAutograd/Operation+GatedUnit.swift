import FalconTensor

extension Tape {
    /// `silu(gate) * up`, value by value: the middle of Llama's gated feed-forward layer.
    package mutating func gatedUnit(_ gate: Variable, _ up: Variable) -> Variable {
        record(
            Tensor.gatedUnit(gate.value, up.value, on: pool), GatedUnitOperation(gate: gate.value, up: up.value),
            inputs: [gate, up])
    }
}

struct GatedUnitOperation: Operation {
    let gate: Tensor
    let up: Tensor

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        let gradients = Tensor.gatedUnitGradient(gradient, gate: gate, up: up, on: pool)
        return [gradients.gate, gradients.up]
    }
}
