import FalconTensor

/// Sums and scalings: the glue between the coarse operations.
extension Tape {
    /// `left + right`, of one shape: the residual connection.
    package mutating func add(_ left: Variable, _ right: Variable) -> Variable {
        var value = left.value
        value.add(right.value)
        return record(value, AddOperation(), inputs: [left, right])
    }

    /// `factor * input`.
    package mutating func scale(_ input: Variable, by factor: Float) -> Variable {
        var value = input.value
        value.scale(factor)
        return record(value, ScaleOperation(factor: factor), inputs: [input])
    }

    /// The same values under another shape of the same size.
    package mutating func reshape(_ input: Variable, _ shape: [Int]) -> Variable {
        record(input.value.reshaped(shape), ReshapeOperation(inputShape: input.shape), inputs: [input])
    }

    /// The sum over all values of their product with fixed weights: `[]`.
    package mutating func dot(_ input: Variable, _ weights: Tensor) -> Variable {
        precondition(
            weights.shape == input.shape, "weights of shape \(weights.shape) for an input of shape \(input.shape)")
        var product = input.value
        product.multiply(weights)
        return record(Tensor([Float(product.sum())], []), DotOperation(weights: weights), inputs: [input])
    }

    /// The sum of all values: `[]`.
    package mutating func sum(_ input: Variable) -> Variable {
        record(Tensor([Float(input.value.sum())], []), SumOperation(shape: input.shape), inputs: [input])
    }
}

struct AddOperation: Operation {
    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] { [gradient, gradient] }
}

struct ScaleOperation: Operation {
    let factor: Float

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        var result = gradient
        result.scale(factor)
        return [result]
    }
}

struct ReshapeOperation: Operation {
    let inputShape: [Int]

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] { [gradient.reshaped(inputShape)] }
}

struct DotOperation: Operation {
    let weights: Tensor

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        var result = weights
        result.scale(gradient.scalar)
        return [result]
    }
}

struct SumOperation: Operation {
    let shape: [Int]

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        [Tensor(repeating: gradient.scalar, shape)]
    }
}
