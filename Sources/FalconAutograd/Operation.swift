import FalconTensor

/// One recorded step of a computation: what it keeps from the forward pass, and how a gradient goes back through it.
///
/// An operation is coarse (a whole linear layer, a whole attention, a whole loss), keeps only what its backward rule
/// reads, and is freed as soon as the backward pass has gone through it. Without a backward rule it does not compile.
package protocol Operation {
    /// The vector-Jacobian product.
    ///
    /// - Parameters:
    ///   - gradient: the loss's derivative with respect to this operation's output, of the output's shape.
    ///   - pool: the threads to work on.
    /// - Returns: the loss's derivative with respect to each input, in the order in which the inputs were recorded and
    ///   of their shapes; `nil` where an input needs none.
    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?]
}
