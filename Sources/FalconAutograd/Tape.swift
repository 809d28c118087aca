import FalconTensor

/// The record of one forward pass, for reverse-mode differentiation.
///
/// It is made for one pass, handed down explicitly (`inout`) and consumed by `gradients(of:)`; there is no ambient
/// "training mode" and nothing to reset. Each operation adds itself in a file of its own:
///
/// ```swift
/// var tape = Tape(on: pool)
/// let weight = tape.leaf(parameter.value)
/// let output = tape.linear(Tape.constant(input), weight: weight)
/// let gradients = tape.gradients(of: tape.sum(output))
/// let weightGradient = gradients[weight]
/// ```
package struct Tape: ~Copyable {
    /// The threads on which forward and backward passes run.
    package let pool: ThreadPool
    /// What the operands of large products are rounded to, forwards and backwards.
    package let precision: ProductPrecision
    /// Whether parts of the pass keep their inputs only; see `part`.
    let recomputes: Bool
    private let recordsGradients: Bool
    private var nodes: [Node] = []
    /// Of a silent pass: the weights that it asked for.
    private(set) var leavesByOwner: [ObjectIdentifier: Variable] = [:]

    /// A recorded operation and the nodes that it read. A leaf has no operation.
    private struct Node {
        var operation: (any Operation)?
        var inputs: [Int?]
        var shape: [Int]
    }

    /// - Parameters:
    ///   - pool: the threads to work on.
    ///   - precision: of large products: linear layers, fusion, the head. Everything else is float32.
    ///   - recordsGradients: `false` turns every leaf into a constant: a pass whose result alone is wanted.
    ///   - recomputes: whether parts of the pass are run again in the backward pass instead of being kept.
    package init(
        on pool: ThreadPool, precision: ProductPrecision = .float32, recordsGradients: Bool = true,
        recomputes: Bool = false
    ) {
        self.pool = pool
        self.precision = precision
        self.recomputes = recomputes && recordsGradients
        self.recordsGradients = recordsGradients
    }

    /// The number of leaves and operations recorded so far: 0 for a pass over constants.
    package var count: Int { nodes.count }

    /// A trainable input: a gradient for it comes out of `gradients(of:)`.
    package mutating func leaf(_ value: Tensor) -> Variable {
        guard recordsGradients else { return Tape.constant(value) }
        return append(value, Node(operation: nil, inputs: [], shape: value.shape))
    }

    /// The leaf of a trainable object, the same one each time it is asked for in this pass, so that a weight that is
    /// used twice gets one gradient.
    package mutating func leaf(_ value: @autoclosure () -> Tensor, owner: AnyObject) -> Variable {
        leaf(value(), key: ObjectIdentifier(owner))
    }

    mutating func leaf(_ value: @autoclosure () -> Tensor, key: ObjectIdentifier) -> Variable {
        if let known = leavesByOwner[key] { return known }
        let made = leaf(value())
        leavesByOwner[key] = made
        return made
    }

    /// An input without a gradient.
    package static func constant(_ value: Tensor) -> Variable { Variable(value: value, node: nil) }

    /// Adds the result of an operation.
    ///
    /// - Parameters:
    ///   - value: the result of its forward pass.
    ///   - operation: made only when an input needs a gradient, so a constant pass keeps no activations.
    ///   - inputs: what it read, in the order in which its `backward` returns their gradients.
    package mutating func record<O: Operation>(
        _ value: Tensor, _ operation: @autoclosure () -> O, inputs: [Variable]
    ) -> Variable {
        guard inputs.contains(where: \.needsGradient) else { return Tape.constant(value) }
        return append(value, Node(operation: operation(), inputs: inputs.map(\.node), shape: value.shape))
    }

    /// The derivative of a scalar loss with respect to every leaf it depends on.
    ///
    /// - Parameters:
    ///   - loss: a variable of one value, made by this tape.
    ///   - seed: the derivative to start from; e.g. `1 / n` for one of n accumulated batches.
    package consuming func gradients(of loss: Variable, seed: Float = 1) -> Gradients {
        precondition(loss.value.count == 1, "the loss must be one value, not of shape \(loss.shape)")
        return gradients(of: loss, seed: Tensor(repeating: seed, loss.shape))
    }

    /// The derivative of `sum(seed * output)` with respect to every leaf: the vector-Jacobian product of the pass.
    package consuming func gradients(of output: Variable, seed: Tensor) -> Gradients {
        let leavesByOwner = leavesByOwner
        var leaves: [Int: Tensor] = [:]
        eachGradient(of: output, seed: seed) { leaves[$0] = $1 }
        return Gradients(byNode: leaves, leavesByOwner: leavesByOwner)
    }

    /// The same, but handed over as soon as it is complete and kept no longer: the gradients of a large network need
    /// not exist at once.
    ///
    /// - Parameter receive: called once for each trainable object that the loss depends on.
    package consuming func eachGradient(
        of loss: Variable, seed: Float = 1, _ receive: (_ owner: ObjectIdentifier, _ gradient: Tensor) -> Void
    ) {
        precondition(loss.value.count == 1, "the loss must be one value, not of shape \(loss.shape)")
        var owners: [Int: ObjectIdentifier] = [:]
        for (owner, leaf) in leavesByOwner { if let node = leaf.node { owners[node] = owner } }
        // Whoever gets a gradient may change its object at once: nothing here should still hold the old value.
        leavesByOwner = [:]
        eachGradient(of: loss, seed: Tensor(repeating: seed, loss.shape)) { node, gradient in
            if let owner = owners[node] { receive(owner, gradient) }
        }
    }

    /// Calls `receive` with the node of each leaf and its gradient.
    private consuming func eachGradient(of output: Variable, seed: Tensor, _ receive: (Int, Tensor) -> Void) {
        precondition(
            seed.shape == output.shape, "a seed of shape \(seed.shape) for an output of shape \(output.shape)")
        guard let last = output.node else { return }
        var pending = [Tensor?](repeating: nil, count: last + 1)
        pending[last] = seed
        nodes.removeSubrange((last + 1)...)
        while let node = nodes.popLast() {
            // Moved out of the tape, so that its activations die with this turn of the loop.
            let index = nodes.count
            guard let gradient = pending[index].take() else { continue }
            guard let operation = node.operation else {
                receive(index, gradient)
                continue
            }
            let inputGradients = operation.backward(gradient, on: pool)
            precondition(
                inputGradients.count == node.inputs.count,
                "\(type(of: operation)) returned \(inputGradients.count) gradients for \(node.inputs.count) inputs")
            for case (let input?, let inputGradient?) in zip(node.inputs, inputGradients) {
                precondition(
                    inputGradient.shape == nodes[input].shape,
                    "\(type(of: operation)) returned a gradient of shape \(inputGradient.shape) for an input of shape "
                        + "\(nodes[input].shape)")
                if var sum = pending[input].take() {
                    sum.add(inputGradient)
                    pending[input] = sum
                } else {
                    pending[input] = inputGradient
                }
            }
        }
    }

    private mutating func append(_ value: Tensor, _ node: Node) -> Variable {
        nodes.append(node)
        return Variable(value: value, node: nodes.count - 1)
    }
}
