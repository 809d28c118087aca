import FalconTensor

/// What a new parameter holds before training.
package enum Initializer: Sendable, Equatable {
    case zeros, ones
    /// The normal distribution with mean 0; Hugging Face's decoder layers use a deviation of 0.02.
    case normal(deviation: Float)
    /// Evenly from `-bound...bound`. PyTorch's LSTM uses `1 / sqrt(hidden)` for weights and biases; its linear layer
    /// `1 / sqrt(inputSize)` for both (Kaiming's rule with a = sqrt(5)).
    case uniform(bound: Float)
    /// These, in row order; as many as the parameter has.
    case values([Float])

    package func callAsFunction(_ shape: [Int], from random: inout RandomSource) -> Tensor {
        switch self {
        case .zeros: Tensor(zeros: shape)
        case .ones: Tensor(repeating: 1, shape)
        case .normal(let deviation): Tensor(normal: deviation, shape, from: &random)
        case .values(let values): Tensor(values, shape)
        case .uniform(let bound): Tensor(uniform: -bound...bound, shape, from: &random)
        }
    }
}
