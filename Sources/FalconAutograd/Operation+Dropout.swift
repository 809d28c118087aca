import FalconTensor

extension Tape {
    /// Sets each value to 0 with probability `rate` and divides the others by `1 - rate`.
    ///
    /// - Parameters:
    ///   - rate: 0 leaves the input as it is and draws nothing.
    ///   - random: advanced by one draw a value.
    package mutating func dropout(_ input: Variable, rate: Float, random: inout RandomSource) -> Variable {
        guard rate > 0 else { return input }
        let start = random
        var value = input.value
        value.drop(rate, from: &random)
        return record(value, DropoutOperation(rate: rate, random: start), inputs: [input])
    }

    /// The same with a random source for each of the first axis's parts.
    ///
    /// - Parameter sources: each goes on to another stream, whatever was drawn: padding moves nothing.
    package mutating func dropout(_ input: Variable, rate: Float, sources: inout [RandomSource]) -> Variable {
        guard rate > 0 else { return input }
        var (value, drawn) = (input.value, sources)
        value.drop(rate, from: &drawn)
        let operation = RowDropoutOperation(rate: rate, sources: sources)
        sources = sources.map { $0.stream("next") }
        return record(value, operation, inputs: [input])
    }
}

/// Draws the same numbers again instead of keeping which values fell.
struct DropoutOperation: Operation {
    let rate: Float
    let random: RandomSource

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        var (result, random) = (gradient, random)
        result.drop(rate, from: &random)
        return [result]
    }
}

/// The same with a random source for each of the first axis's parts.
struct RowDropoutOperation: Operation {
    let rate: Float
    let sources: [RandomSource]

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        var (result, sources) = (gradient, sources)
        result.drop(rate, from: &sources)
        return [result]
    }
}
