import FalconTensor

/// AdamW (Loshchilov and Hutter, 2019), as `torch.optim.AdamW`: float32 weights and moments, decoupled decay on every
/// trainable tensor, norms and biases too.
package struct AdamW {
    package struct Configuration: Sendable, Equatable {
        package var betas: (first: Double, second: Double)
        package var epsilon: Double
        package var weightDecay: Double

        package init(
            betas: (first: Double, second: Double) = (0.9, 0.95), epsilon: Double = 1e-8, weightDecay: Double = 0.01
        ) {
            self.betas = betas
            self.epsilon = epsilon
            self.weightDecay = weightDecay
        }

        package static func == (left: Configuration, right: Configuration) -> Bool {
            left.betas == right.betas && left.epsilon == right.epsilon && left.weightDecay == right.weightDecay
        }
    }

    package let configuration: Configuration
    /// Steps taken so far; bias correction depends on it.
    package private(set) var stepCount: Int = 0
    private var firstMoments: [Tensor]
    private var secondMoments: [Tensor]

    package init(_ parameters: ParameterCollection, _ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        firstMoments = parameters.trainable.map { Tensor(zeros: $0.shape) }
        secondMoments = firstMoments
    }

    /// Moves every trainable parameter by its gradient.
    ///
    /// - Parameters:
    ///   - gradients: of the same network, already clipped.
    ///   - learningRate: of this step.
    package mutating func step(
        _ parameters: ParameterCollection, _ gradients: ParameterGradients, learningRate: Double, on pool: ThreadPool
    ) {
        let trainable = parameters.trainable
        precondition(
            trainable.count == firstMoments.count && gradients.tensors.count == firstMoments.count,
            "\(gradients.tensors.count) gradients and \(trainable.count) parameters for \(firstMoments.count) moments")
        stepCount += 1
        let step = AdamWStep(
            number: stepCount, learningRate: learningRate, betas: configuration.betas,
            epsilon: configuration.epsilon, weightDecay: configuration.weightDecay)
        for (index, parameter) in trainable.enumerated() {
            step.apply(
                to: &parameter.value, gradient: gradients.tensors[index], firstMoment: &firstMoments[index],
                secondMoment: &secondMoments[index], on: pool)
        }
    }
}

/// Saving and going on.
extension AdamW {
    private static let stepName = "step"
    private static let firstSuffix = ".exp_avg"
    private static let secondSuffix = ".exp_avg_sq"

    /// The whole state under PyTorch's names: `NAME.exp_avg`, `NAME.exp_avg_sq` and `step` (exact up to 2^24 steps).
    package func state(for parameters: ParameterCollection) -> [(name: String, tensor: Tensor)] {
        let moments = parameters.trainable.enumerated().flatMap { index, parameter in
            [
                (name: parameter.name + AdamW.firstSuffix, tensor: firstMoments[index]),
                (name: parameter.name + AdamW.secondSuffix, tensor: secondMoments[index]),
            ]
        }
        return [(AdamW.stepName, Tensor([Float(stepCount)], [1]))] + moments
    }

    /// Takes over a saved state.
    ///
    /// - Throws: `StateDictError` that names every tensor that is missing, unexpected or of another shape, or the
    ///   reader's own error.
    package mutating func load(_ stored: StoredParameters, for parameters: ParameterCollection) throws {
        let builder = ParameterBuilder(.stored(stored))
        let root = builder.root
        let step = root.parameter(AdamW.stepName, [1], .zeros)
        let moments = parameters.trainable.map { parameter in
            (
                root.parameter(parameter.name + AdamW.firstSuffix, parameter.shape, .zeros),
                root.parameter(parameter.name + AdamW.secondSuffix, parameter.shape, .zeros)
            )
        }
        _ = try builder.finish()
        stepCount = Int(step.value.scalar)
        firstMoments = moments.map(\.0.value)
        secondMoments = moments.map(\.1.value)
    }
}
