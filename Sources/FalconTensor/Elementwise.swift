internal import CFalconKernels

/// Maps and sums over whole tensors, with their in-place forms for gradients.
extension Tensor {
    /// Adds another tensor of the same shape, in place.
    package mutating func add(_ other: Tensor) {
        precondition(shape == other.shape, "cannot add a tensor of shape \(other.shape) to one of shape \(shape)")
        unsafe falcon_add(mutablePointer(), other.pointer, count)
    }

    /// Multiplies every value, in place.
    package mutating func scale(_ factor: Float) { unsafe falcon_scale(mutablePointer(), factor, count) }

    /// Multiplies every value by its counterpart in a tensor of the same shape, in place.
    package mutating func multiply(_ other: Tensor) {
        precondition(
            shape == other.shape, "cannot multiply a tensor of shape \(shape) by one of shape \(other.shape)")
        unsafe falcon_multiply(mutablePointer(), other.pointer, count)
    }

    /// Adds a row to each row, in place.
    ///
    /// - Parameter row: `[width]`.
    package mutating func addToRows(_ row: Tensor) {
        precondition(row.count == width, "cannot add a row of shape \(row.shape) to a tensor of shape \(shape)")
        let (width, target) = unsafe (self.width, mutablePointer())
        for index in 0..<rowCount { unsafe falcon_add(target + index * width, row.pointer, width) }
    }

    /// The sum of the rows (all axes but the last folded together): `[width]`.
    package func sumOfRows() -> Tensor {
        let result = Tensor(zeros: [width])
        for index in 0..<rowCount { unsafe falcon_add(result.storage.base, pointer + index * width, width) }
        return result
    }

    /// The sum of all values, in double precision.
    package func sum() -> Double { unsafe falcon_sum(pointer, count) }

    /// The sum of the squares of all values, in double precision.
    package func sumOfSquares() -> Double { unsafe falcon_sum_of_squares(pointer, count) }

    /// The same on all threads; infinite or not a number where one of them is.
    package func sumOfSquares(on pool: ThreadPool) -> Double {
        let tile = 1 << 16
        var parts = [Double](repeating: 0, count: (count + tile - 1) / tile)
        unsafe parts.withUnsafeMutableBufferPointer { parts in
            pool.run(parts.count) { piece in
                unsafe parts[piece] = falcon_sum_of_squares(pointer + piece * tile, min(tile, count - piece * tile))
            }
        }
        return parts.reduce(0, +)
    }

    /// Whether every value is zero.
    package var isZero: Bool { (0..<count).allSatisfy { unsafe pointer[$0] == 0 } }

    /// Limits every value to `-limit...limit`, in place.
    package mutating func clamp(to limit: Float) { unsafe falcon_clamp(mutablePointer(), limit, count) }
}
