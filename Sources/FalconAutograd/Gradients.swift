import FalconTensor

/// What a backward pass leaves: the derivative of the loss with respect to each leaf that it reached.
package struct Gradients {
    let byNode: [Int: Tensor]
    let leavesByOwner: [ObjectIdentifier: Variable]

    /// The gradient for a leaf of the tape that made these; `nil` for a constant, for a leaf that the loss does not
    /// depend on, and for a result of an operation (those are freed on the way).
    package subscript(_ variable: Variable) -> Tensor? { variable.node.flatMap { byNode[$0] } }

    /// The gradient for a trainable object's leaf; `nil` where the loss does not depend on it.
    package subscript(owner object: AnyObject) -> Tensor? {
        leavesByOwner[ObjectIdentifier(object)].flatMap { self[$0] }
    }
}
