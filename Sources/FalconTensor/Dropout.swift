/// Dropout (Srivastava et al., 2014), scaled so that the expected value stays.
extension Tensor {
    /// Sets each value to 0 with probability `rate` and divides the others by `1 - rate`.
    ///
    /// The adjoint is the same call on the gradient with the same `source`: which values fall depends on nothing else,
    /// so no mask needs to be kept.
    package mutating func drop(_ rate: Float, from source: inout RandomSource) {
        precondition(rate >= 0 && rate <= 1, "cannot drop a share of \(rate)")
        drop(rate, 0..<count, from: &source)
    }

    /// The same with numbers of its own for each of the first axis's parts: what falls in one does not depend on the
    /// others.
    ///
    /// - Parameter sources: as many as the first axis is long.
    package mutating func drop(_ rate: Float, from sources: inout [RandomSource]) {
        precondition(rate >= 0 && rate <= 1, "cannot drop a share of \(rate)")
        precondition(shape.first == sources.count, "\(sources.count) random sources for the shape \(shape)")
        let part = count / max(1, sources.count)
        for index in sources.indices { drop(rate, index * part..<(index + 1) * part, from: &sources[index]) }
    }

    private mutating func drop(_ rate: Float, _ range: Range<Int>, from source: inout RandomSource) {
        // Where all falls nothing is left to scale.
        let scale = rate < 1 ? 1 / (1 - rate) : 0
        let target = unsafe mutablePointer()
        for position in range {
            unsafe target[position] *= source.uniform() < rate ? 0 : scale
        }
    }
}
