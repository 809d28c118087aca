import FalconTensor

extension Tape {
    /// A linear layer: `input * weight^T + bias`.
    ///
    /// - Parameters:
    ///   - input: `[..., inputSize]`.
    ///   - weight: `[outputSize, inputSize]`, PyTorch's layout.
    ///   - biases: none, one, or several that are added up (an LSTM has two), `[outputSize]` each.
    /// - Returns: `[..., outputSize]`.
    package mutating func linear(_ input: Variable, weight: Variable, biases: [Variable] = []) -> Variable {
        let precision = precision
        var output = Tensor.product(
            input.value, weight.value, transposed: (false, true), precision: precision, on: pool)
        for bias in biases { output.addToRows(bias.value) }
        return record(
            output.reshaped(input.shape.dropLast() + [output.width]),
            LinearOperation(
                input: weight.needsGradient ? input.value : nil, inputShape: input.shape,
                weight: input.needsGradient ? weight.value : nil, biasesNeedGradients: biases.map(\.needsGradient),
                precision: precision),
            inputs: [input, weight] + biases)
    }
}

/// Keeps each operand only where the other one needs a gradient.
struct LinearOperation: Operation {
    let input: Tensor?
    let inputShape: [Int]
    let weight: Tensor?
    let biasesNeedGradients: [Bool]
    let precision: ProductPrecision

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        let biasGradient = biasesNeedGradients.contains(true) ? gradient.sumOfRows() : nil
        return [
            weight.map { Tensor.product(gradient, $0, precision: precision, on: pool).reshaped(inputShape) },
            input.map { Tensor.product(gradient, $0, transposed: (true, false), precision: precision, on: pool) },
        ] + biasesNeedGradients.map { $0 ? biasGradient : nil }
    }
}
