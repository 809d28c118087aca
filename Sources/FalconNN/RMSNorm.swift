import FalconAutograd
import FalconTensor

/// RMSNorm: `weight` `[width]`.
package struct RMSNorm {
    package let weight: Parameter
    package let epsilon: Float

    package init(_ scope: ParameterScope, width: Int, epsilon: Float) {
        weight = scope.parameter("weight", [width], .ones)
        self.epsilon = epsilon
    }

    /// `[..., width]` to the same shape.
    package func forward(_ input: Variable, tape: inout Tape) -> Variable {
        let weight = tape.variable(weight)
        return tape.normalize(input, weight: weight, epsilon: epsilon)
    }
}
