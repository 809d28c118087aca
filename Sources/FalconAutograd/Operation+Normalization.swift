import FalconTensor

extension Tape {
    /// RMSNorm over the last axis.
    ///
    /// - Parameters:
    ///   - input: `[..., width]`.
    ///   - weight: `[width]`.
    ///   - epsilon: added to the mean square.
    package mutating func normalize(_ input: Variable, weight: Variable, epsilon: Float) -> Variable {
        let (output, inverse) = input.value.normalized(weight: weight.value, epsilon: epsilon, on: pool)
        return record(
            output, NormalizationOperation(input: input.value, weight: weight.value, inverse: inverse),
            inputs: [input, weight])
    }
}

struct NormalizationOperation: Operation {
    let input: Tensor
    let weight: Tensor
    /// One over each row's root mean square.
    let inverse: Tensor

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        let gradients = input.normalizationGradient(gradient, weight: weight, inverse: inverse, on: pool)
        return [gradients.input, gradients.weight]
    }
}
