/// Picking rows and columns of a matrix, and the adjoints: putting them back.
extension Tensor {
    /// The rows with these numbers, in this order, repeats allowed: `[indices.count, width]`.
    package func rows(at indices: [Int]) -> Tensor {
        let (width, rows) = (width, rowCount)
        let result = Tensor(uninitialized: [indices.count, width])
        for (target, source) in indices.enumerated() {
            precondition((0..<rows).contains(source), "row \(source) of a tensor of shape \(shape)")
            unsafe (result.storage.base + target * width).update(from: pointer + source * width, count: width)
        }
        return result
    }

    /// Adds row n of `values` to row `indices[n]` of this tensor: the adjoint of `rows(at:)`.
    package mutating func addRows(_ values: Tensor, at indices: [Int]) {
        precondition(
            values.width == width && values.rowCount == indices.count,
            "cannot add rows of shape \(values.shape) at \(indices.count) rows of a tensor of shape \(shape)")
        let (width, rows) = (width, rowCount)
        let target = unsafe mutablePointer()
        for (source, row) in indices.enumerated() {
            precondition((0..<rows).contains(row), "row \(row) of a tensor of shape \(shape)")
            for column in 0..<width { unsafe target[row * width + column] += values.pointer[source * width + column] }
        }
    }

    /// The rows of `left` followed by those of `right`, side by side: `[..., left.width + right.width]`.
    package static func joiningColumns(_ left: Tensor, _ right: Tensor) -> Tensor {
        precondition(
            left.shape.dropLast() == right.shape.dropLast(),
            "cannot put tensors of shapes \(left.shape) and \(right.shape) side by side")
        let width = left.width + right.width
        let result = Tensor(uninitialized: left.shape.dropLast() + [width])
        for row in 0..<left.rowCount {
            let target = unsafe result.storage.base + row * width
            unsafe target.update(from: left.pointer + row * left.width, count: left.width)
            unsafe (target + left.width).update(from: right.pointer + row * right.width, count: right.width)
        }
        return result
    }

    /// Some columns of every row: `[..., range.count]`.
    package func columns(_ range: Range<Int>) -> Tensor {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= width, "columns \(range) of a tensor of shape \(shape)")
        let result = Tensor(uninitialized: shape.dropLast() + [range.count])
        for row in 0..<rowCount {
            unsafe (result.storage.base + row * range.count).update(
                from: pointer + row * width + range.lowerBound, count: range.count)
        }
        return result
    }
}
