import FalconTensor

/// A backward pass that is still to be run: a forward pass's tape and its loss.
///
/// Whoever runs it decides what becomes of each gradient, and when the activations go.
package final class BackwardPass {
    private var tape: Tape?
    private let loss: Variable

    package init(_ tape: consuming Tape, of loss: Variable) {
        self.tape = consume tape
        self.loss = loss
    }

    /// Runs it; once.
    ///
    /// - Parameter receive: called with each trainable object's gradient as soon as that is complete.
    package func run(_ receive: (_ owner: ObjectIdentifier, _ gradient: Tensor) -> Void) {
        guard let tape = tape.take() else { preconditionFailure("a backward pass ran before") }
        tape.eachGradient(of: loss, receive)
    }
}
