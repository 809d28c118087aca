import Foundation
internal import CFalconKernels

/// One step of AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019) on one parameter.
package struct AdamWStep: Sendable {
    /// Counts from 1.
    package var number: Int
    package var learningRate: Double
    package var betas: (first: Double, second: Double)
    /// Added after the square root.
    package var epsilon: Double
    package var weightDecay: Double

    package init(
        number: Int, learningRate: Double, betas: (first: Double, second: Double) = (0.9, 0.95),
        epsilon: Double = 1e-8, weightDecay: Double = 0.01
    ) {
        precondition(number >= 1, "AdamW's steps count from 1, not from \(number)")
        (self.number, self.learningRate, self.betas) = (number, learningRate, betas)
        (self.epsilon, self.weightDecay) = (epsilon, weightDecay)
    }

    /// Decays the parameter, updates both moments, then moves the parameter by their bias-corrected ratio. In place;
    /// all four tensors have one shape.
    ///
    /// - Parameters:
    ///   - scale: what the gradient is multiplied by first.
    ///   - limit: where it is cut off then, on both sides; `nil`: nowhere.
    package func apply(
        to parameter: inout Tensor, gradient: Tensor, firstMoment: inout Tensor, secondMoment: inout Tensor,
        scale: Float = 1, limit: Float? = nil, on pool: ThreadPool
    ) {
        precondition(
            gradient.shape == parameter.shape && firstMoment.shape == parameter.shape
                && secondMoment.shape == parameter.shape,
            "a gradient of shape \(gradient.shape) for a parameter of shape \(parameter.shape)")
        apply(
            to: &parameter, 0..<parameter.count, gradient: gradient, at: 0, firstMoment: &firstMoment,
            secondMoment: &secondMoment, at: 0, scale: scale, limit: limit, on: pool)
    }

    /// The same for a stretch of a parameter, whose gradient and moments lie elsewhere in theirs.
    ///
    /// - Parameters:
    ///   - range: of the parameter's values.
    ///   - gradientStart: the first of the gradient's values that belongs to it.
    ///   - momentStart: the first of both moments' values that belongs to it.
    package func apply(
        to parameter: inout Tensor, _ range: Range<Int>, gradient: Tensor, at gradientStart: Int,
        firstMoment: inout Tensor, secondMoment: inout Tensor, at momentStart: Int, scale: Float = 1,
        limit: Float? = nil, on pool: ThreadPool
    ) {
        let count = range.count
        precondition(
            range.lowerBound >= 0 && range.upperBound <= parameter.count && gradientStart + count <= gradient.count
                && momentStart + count <= firstMoment.count && momentStart + count <= secondMoment.count,
            "values \(range) of a parameter of shape \(parameter.shape)")
        let (p, m, v) = unsafe (
            parameter.mutablePointer() + range.lowerBound, firstMoment.mutablePointer() + momentStart,
            secondMoment.mutablePointer() + momentStart
        )
        let g = unsafe gradient.pointer + gradientStart
        let loops = unsafe TrainingLoops.best
        let constants = falcon_adamw(
            scale: scale, limit: limit ?? .infinity, beta1: Float(betas.first), beta2: Float(betas.second),
            rest1: Float(1 - betas.first), rest2: Float(1 - betas.second),
            epsilon: Float(epsilon), decay: decay,
            step_size: Float(learningRate / (1 - pow(betas.first, Double(number)))),
            root_correction: Float((1 - pow(betas.second, Double(number))).squareRoot()))
        let tile = 1 << 16
        pool.run((count + tile - 1) / tile) { piece in
            let start = piece * tile
            var constants = constants
            unsafe loops.adamw(&constants, p + start, g + start, m + start, v + start, min(tile, count - start))
        }
    }

    /// The step of a parameter whose gradient and moments are zero: it only decays.
    package func decay(_ parameter: inout Tensor) { parameter.scale(decay) }

    private var decay: Float { Float(1 - learningRate * weightDecay) }
}
