import FalconTensor

/// Compares an operation's backward rule with finite differences of its forward pass.
///
/// The output is folded into one number with fixed random weights, so every output value takes part. Differences use
/// the five-point rule, whose error falls with the fourth power of the step: with float32 forward passes this leaves
/// about 1e-4 of relative error, where the three-point rule would leave 1e-2.
package enum GradientCheck {
    /// How a comparison ended.
    package struct Result: CustomStringConvertible {
        /// The largest `|analytic - numeric| / (absolute + relative * |numeric|)`; passes up to 1.
        package var worst: Double = 0
        package var description = "no value was compared"
        package var passes: Bool { worst <= 1 }
    }

    /// - Parameters:
    ///   - inputs: the values at which to differentiate; every one of their entries is moved.
    ///   - step: how far to move an entry; about 0.02 for inputs of size 1.
    ///   - absolute: an error that is always allowed, for derivatives near 0.
    ///   - relative: an error allowed in proportion to the derivative.
    ///   - pool: the threads to work on.
    ///   - forward: the pass under test; it must compute the same function each time (fix its random numbers).
    package static func check(
        _ inputs: [Tensor], step: Float = 0.02, absolute: Double = 1e-3, relative: Double = 5e-3,
        on pool: ThreadPool = ThreadPool(threadCount: 1),
        _ forward: (inout Tape, [Variable]) -> Variable
    ) -> Result {
        var random = RandomSource(seed: 7)
        var tape = Tape(on: pool)
        let leaves = inputs.map { tape.leaf($0) }
        let output = forward(&tape, leaves)
        let weights = Tensor(uniform: -1...1, output.shape, from: &random)
        let gradients = tape.gradients(of: output, seed: weights)

        /// `sum(weights * forward(inputs))`, summed in double precision.
        func folded(_ inputs: [Tensor]) -> Double {
            var tape = Tape(on: pool)
            let value = forward(&tape, inputs.map(Tape.constant)).value
            return zip(value.scalars, weights.scalars).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }

        var result = Result()
        for (number, input) in inputs.enumerated() {
            let analytic = gradients[leaves[number]]?.scalars ?? [Float](repeating: 0, count: input.count)
            for position in 0..<input.count {
                /// The folded output with one entry moved, and how far it moved after rounding.
                func moved(_ steps: Float) -> (value: Double, distance: Double) {
                    var values = input.scalars
                    let original = values[position]
                    values[position] += steps * step
                    var changed = inputs
                    changed[number] = Tensor(values, input.shape)
                    return (folded(changed), Double(values[position]) - Double(original))
                }
                let (near, nearBack) = (moved(1), moved(-1))
                let (far, farBack) = (moved(2), moved(-2))
                let nearSlope = (near.value - nearBack.value) / (near.distance - nearBack.distance)
                let farSlope = (far.value - farBack.value) / (far.distance - farBack.distance)
                let numeric = (4 * nearSlope - farSlope) / 3
                let error = abs(Double(analytic[position]) - numeric) / (absolute + relative * abs(numeric))
                if error > result.worst || !error.isFinite {
                    result.worst = error.isFinite ? error : .infinity
                    result.description =
                        "input \(number) of shape \(input.shape), entry \(position): "
                        + "backward rule \(analytic[position]), differences \(numeric)"
                }
            }
        }
        return result
    }
}
