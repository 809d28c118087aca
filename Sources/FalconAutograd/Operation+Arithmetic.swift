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

struct SumOperation: Operation {
    let shape: [Int]

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        [Tensor(repeating: gradient.scalar, shape)]
    }
}
