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
    /// Both moments of each trainable parameter; `nil` while they are zero, as those of dead weights stay.
    private var moments: [Moments?]

    private struct Moments {
        var first, second: Tensor
    }

    /// - Parameter parameters: whose steps this will take.
    package init(_ parameters: ParameterCollection, _ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        moments = [Moments?](repeating: nil, count: parameters.trainable.count)
    }

    /// Moves every trainable parameter by its gradient.
    ///
    /// - Parameters:
    ///   - gradients: of the same network, already clipped.
    ///   - learningRate: of this step.
    package mutating func step(
        _ parameters: ParameterCollection, _ gradients: ParameterGradients, learningRate: Double, on pool: ThreadPool
    ) {
        precondition(
            gradients.count == moments.count, "\(gradients.count) gradients for \(moments.count) pairs of moments")
        beginStep()
        for index in 0..<gradients.count {
            update(index, of: parameters, gradients[index], learningRate: learningRate, on: pool)
        }
    }

    /// Counts a step whose parameters are then given to `update` one after the other.
    package mutating func beginStep() { stepCount += 1 }

    /// Moves one parameter, by its place among the trainable ones.
    ///
    /// - Parameters:
    ///   - gradient: `nil`: zeros.
    ///   - scale: what it is multiplied by.
    ///   - limit: where its values are cut off after that, on both sides; `nil`: nowhere.
    package mutating func update(
        _ index: Int, of parameters: ParameterCollection, _ gradient: Tensor?, learningRate: Double, scale: Float = 1,
        limit: Float? = nil, on pool: ThreadPool
    ) {
        let parameter = parameters.trainable[index]
        let step = AdamWStep(
            number: stepCount, learningRate: learningRate, betas: configuration.betas,
            epsilon: configuration.epsilon, weightDecay: configuration.weightDecay)
        let shape = parameter.shape
        let isDead = gradient == nil && moments[index] == nil
        guard !isDead else { return parameter.update { step.decay(&$0) } }
        // Taken out, so that they are changed where they lie.
        var pair = moments[index].take() ?? Moments(first: Tensor(zeros: shape), second: Tensor(zeros: shape))
        parameter.update { value in
            step.apply(
                to: &value, gradient: gradient ?? Tensor(zeros: shape), firstMoment: &pair.first,
                secondMoment: &pair.second,
                scale: scale, limit: limit, on: pool)
        }
        moments[index] = pair
    }
}

/// Saving and going on.
extension AdamW {
    private static let stepName = "step"
    private static let firstSuffix = ".exp_avg"
    private static let secondSuffix = ".exp_avg_sq"

    /// The whole state under PyTorch's names: `NAME.exp_avg`, `NAME.exp_avg_sq` and `step` (exact up to 2^24 steps).
    package func state(for parameters: ParameterCollection) -> [(name: String, tensor: Tensor)] {
        // Dead weights of one shape share their zeros.
        var zeros: [[Int]: Tensor] = [:]
        func zero(_ shape: [Int]) -> Tensor {
            let tensor = zeros[shape] ?? Tensor(zeros: shape)
            zeros[shape] = tensor
            return tensor
        }
        let named = parameters.trainable.enumerated().flatMap { index, parameter in
            [
                (name: parameter.name + AdamW.firstSuffix, tensor: moments[index]?.first ?? zero(parameter.shape)),
                (name: parameter.name + AdamW.secondSuffix, tensor: moments[index]?.second ?? zero(parameter.shape)),
            ]
        }
        return [(AdamW.stepName, Tensor([Float(stepCount)], [1]))] + named
    }

    /// Takes over a saved state.
    ///
    /// - Throws: `StateDictError` that names every tensor that is missing, unexpected or of another shape, or the
    ///   reader's own error.
    package mutating func load(_ saved: StoredParameters, for parameters: ParameterCollection) throws {
        let builder = ParameterBuilder(.stored(saved))
        let root = builder.root
        let step = root.parameter(AdamW.stepName, [1], .zeros)
        let stored = parameters.trainable.map { parameter in
            (
                root.parameter(parameter.name + AdamW.firstSuffix, parameter.shape, .zeros),
                root.parameter(parameter.name + AdamW.secondSuffix, parameter.shape, .zeros)
            )
        }
        _ = try builder.finish()
        stepCount = Int(step.value.scalar)
        // A second moment is a mean of squares: zero only where no gradient ever came.
        moments = stored.map { first, second in
            second.value.isZero && first.value.isZero ? nil : Moments(first: first.value, second: second.value)
        }
    }
}
