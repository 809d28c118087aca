/// Dropout (Srivastava et al., 2014), scaled so that the expected value stays.
extension Tensor {
    /// Sets each value to 0 with probability `rate` and divides the others by `1 - rate`.
    ///
    /// The adjoint is the same call on the gradient with the same `source`: which values fall depends on nothing else,
    /// so no mask needs to be kept.
    package mutating func drop(_ rate: Float, from source: inout RandomSource) {
        precondition(rate >= 0 && rate <= 1, "cannot drop a share of \(rate)")
        // Where all falls nothing is left to scale.
        let scale = rate < 1 ? 1 / (1 - rate) : 0
        let target = unsafe mutablePointer()
        for position in 0..<count {
            unsafe target[position] *= source.uniform() < rate ? 0 : scale
        }
    }
}
