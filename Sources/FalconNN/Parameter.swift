import FalconAutograd
import FalconTensor

/// One named tensor of a network.
///
/// It is shared by the layers that use it and by the optimiser that changes it, hence a class. Training reads and
/// writes it from one thread.
package final class Parameter {
    /// The name in the state dict, e.g. `layers.0.self_attn.q_proj.weight`.
    package let name: String
    package var value: Tensor {
        get { stored }
        set {
            precondition(newValue.shape == shape, "\(name) has the shape \(shape) and cannot take \(newValue.shape)")
            stored = newValue
        }
    }
    private var stored: Tensor
    /// `false` for a frozen parameter: it never has a gradient and no optimiser sees it.
    package let isTrainable: Bool

    package init(_ name: String, _ value: Tensor, isTrainable: Bool = true) {
        self.name = name
        stored = value
        self.isTrainable = isTrainable
    }

    package var shape: [Int] { stored.shape }

    /// Changes the value where it lies, without a copy unless somebody else holds it.
    package func update(_ body: (inout Tensor) -> Void) { body(&stored) }
}

extension Tape {
    /// The parameter's leaf in this pass, or a constant where it is frozen.
    package mutating func variable(_ parameter: Parameter) -> Variable {
        parameter.isTrainable ? leaf(parameter.value, owner: parameter) : Tape.constant(parameter.value)
    }
}

extension Gradients {
    /// The gradient of a parameter that was used in the pass; `nil` where it is frozen or did not matter.
    package subscript(_ parameter: Parameter) -> Tensor? { self[owner: parameter] }
}
