import FalconTensor

/// Memory for time: gradient checkpointing (Chen, Xu, Zhang, Guestrin: "Training Deep Nets with Sublinear Memory Cost",
/// 2016).
extension Tape {
    /// Runs a part of the pass, e.g. one layer. Where the tape recomputes, only the part's input is kept, and the
    /// backward pass runs the part again for its activations.
    ///
    /// The gradients are the same to the last bit, provided that nothing outside the part reads its input (its gradient
    /// would else be summed in another order), and that the part draws no random numbers.
    ///
    /// - Parameter body: the part, from its input to its output; asks for its weights on the tape that it is given.
    package mutating func part(
        _ input: Variable, _ body: @escaping (_ input: Variable, _ tape: inout Tape) -> Variable
    ) -> Variable {
        guard recomputes else { return body(input, &self) }
        let precision = precision
        var silent = Tape(on: pool, precision: precision, recordsGradients: false)
        let output = body(Tape.constant(input.value), &silent).value
        // What the part asked for are its weights; each gets its leaf here.
        let owners = Array(silent.leavesByOwner.keys)
        let leaves = silent.leavesByOwner.values.map(\.value)
        let weights = zip(owners, leaves).map { leaf($1, key: $0) }
        return record(
            output,
            PartOperation(
                input: input.value, needsInput: input.needsGradient, owners: owners, precision: precision, body: body),
            inputs: [input] + weights)
    }
}

struct PartOperation: Operation {
    let input: Tensor
    let needsInput: Bool
    let owners: [ObjectIdentifier]
    let precision: ProductPrecision
    let body: (Variable, inout Tape) -> Variable

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        var tape = Tape(on: pool, precision: precision)
        let leaf = needsInput ? tape.leaf(input) : Tape.constant(input)
        let output = body(leaf, &tape)
        let gradients = tape.gradients(of: output, seed: gradient)
        return [gradients[leaf]] + owners.map { owner in gradients.leavesByOwner[owner].flatMap { gradients[$0] } }
    }
}
