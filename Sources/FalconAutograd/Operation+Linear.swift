import FalconTensor

extension Tape {
    /// A linear layer: `input * weight^T + bias`.
    ///
    /// - Parameters:
    ///   - input: `[..., inputSize]`.
    ///   - weight: `[outputSize, inputSize]`, PyTorch's layout.
    ///   - bias: `[outputSize]`.
    /// - Returns: `[..., outputSize]`.
    package mutating func linear(_ input: Variable, weight: Variable, bias: Variable? = nil) -> Variable {
        var output = Tensor.product(input.value, weight.value, transposed: (false, true), on: pool)
        if let bias { output.addToRows(bias.value) }
        return record(
            output.reshaped(input.shape.dropLast() + [output.width]),
            LinearOperation(
                input: weight.needsGradient ? input.value : nil, inputShape: input.shape,
                weight: input.needsGradient ? weight.value : nil, biasNeedsGradient: bias?.needsGradient),
            inputs: [input, weight] + (bias.map { [$0] } ?? []))
    }
}

/// Keeps each operand only where the other one needs a gradient.
struct LinearOperation: Operation {
    let input: Tensor?
    let inputShape: [Int]
    let weight: Tensor?
    /// `nil` where there is no bias at all.
    let biasNeedsGradient: Bool?

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        var result: [Tensor?] = [
            weight.map { Tensor.product(gradient, $0, on: pool).reshaped(inputShape) },
            input.map { Tensor.product(gradient, $0, transposed: (true, false), on: pool) },
        ]
        if let biasNeedsGradient { result.append(biasNeedsGradient ? gradient.sumOfRows() : nil) }
        return result
    }
}
