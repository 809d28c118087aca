import FalconTensor

extension Tape {
    /// Rotary position embedding of queries or keys.
    ///
    /// - Parameters:
    ///   - input: `[..., heads * headSize]`.
    ///   - angles: one row for each row of the input (all axes but the last folded), made once a pass.
    package mutating func rotate(_ input: Variable, by angles: RotaryAngles, heads: Int) -> Variable {
        var output = input.value
        angles.rotate(&output, columns: 0..<output.width, heads: heads, on: pool)
        return record(output, RotaryOperation(angles: angles, heads: heads), inputs: [input])
    }
}

/// A rotation's adjoint is the rotation back.
struct RotaryOperation: Operation {
    let angles: RotaryAngles
    let heads: Int

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        var result = gradient
        angles.rotate(&result, columns: 0..<result.width, heads: heads, inverse: true, on: pool)
        return [result]
    }
}
