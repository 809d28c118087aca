internal import CFalconKernels
import Foundation

/// What a gated unit makes of its gate.
package enum GateActivation: String, Sendable {
    case silu
    /// Gelu by its tangent (`gelu_pytorch_tanh`).
    case gelu = "gelu_pytorch_tanh"
}

/// Row-wise maths of inference. Each row's result depends on that row alone, to the last bit.
extension Tensor {
    /// `x / sqrt(mean(x²) + epsilon) * weight` for each row (Zhang, Sennrich 2019).
    ///
    /// - Parameter weight: `[width]`.
    package func rmsNorm(weight: Tensor, epsilon: Float, on pool: ThreadPool) -> Tensor {
        precondition(weight.count == width, "norm weight of shape \(weight.shape) for rows of shape \(shape)")
        let result = Tensor(uninitialized: shape)
        let normalize = unsafe falcon_inference()!.pointee.rms_norm!
        pool.runRows(rowCount, width: width) { _, rows in
            let start = rows.lowerBound * width
            unsafe normalize(
                pointer + start, weight.pointer, epsilon, rows.count, width, result.storage.base + start)
        }
        return result
    }

    /// Adds another tensor of the same shape, in place, and returns the norm of the sum, as `rmsNorm`.
    package mutating func add(
        _ other: Tensor, thenNormWith weight: Tensor, epsilon: Float, on pool: ThreadPool
    ) -> Tensor {
        precondition(
            shape == other.shape && weight.count == width,
            "adding shape \(other.shape) to \(shape), with a norm weight of shape \(weight.shape)")
        let result = Tensor(uninitialized: shape)
        let (rows, width, sum) = unsafe (rowCount, self.width, mutablePointer())
        let normalize = unsafe falcon_inference()!.pointee.add_rms_norm!
        pool.runRows(rows, width: width) { _, rows in
            let start = rows.lowerBound * width
            unsafe normalize(
                sum + start, other.pointer + start, weight.pointer, epsilon, rows.count, width, sum + start,
                result.storage.base + start)
        }
        return result
    }

    /// Adds another tensor of the same shape, in place, on all threads.
    package mutating func add(_ other: Tensor, on pool: ThreadPool) {
        precondition(shape == other.shape, "cannot add a tensor of shape \(other.shape) to one of shape \(shape)")
        let (rows, width, sum) = unsafe (rowCount, self.width, mutablePointer())
        pool.runRows(rows, width: width) { _, rows in
            let start = rows.lowerBound * width
            unsafe falcon_add(sum + start, other.pointer + start, rows.count * width)
        }
    }

    /// `rmsNorm` of some columns of each row, in place.
    ///
    /// - Parameter weight: `[columns]`.
    package mutating func normalize(columns: Range<Int>, weight: Tensor, epsilon: Float, on pool: ThreadPool) {
        precondition(
            columns.lowerBound >= 0 && columns.upperBound <= width && weight.count == columns.count,
            "norm weight of shape \(weight.shape) for columns \(columns) of shape \(shape)")
        let (rows, width) = (rowCount, self.width)
        let base = unsafe mutablePointer() + columns.lowerBound
        let normalize = unsafe falcon_inference()!.pointee.rms_norm!
        pool.runRows(rows, width: columns.count) { _, range in
            for row in range {
                let start = unsafe base + row * width
                unsafe normalize(start, weight.pointer, epsilon, 1, columns.count, start)
            }
        }
    }

    /// `activation(gate) * up` for rows that hold gate and up side by side: `[rows, 2 * width]` to `[rows, width]`.
    package func gatedUnit(_ activation: GateActivation = .silu, on pool: ThreadPool) -> Tensor {
        precondition(width % 2 == 0, "a gated unit halves its rows, which have shape \(shape)")
        let (rows, half) = (rowCount, width / 2)
        let result = Tensor(uninitialized: [rows, half])
        let kernels = unsafe falcon_inference()!.pointee
        let apply = unsafe activation == .silu ? kernels.gated_unit! : kernels.gelu_unit!
        pool.runRows(rows, width: half) { _, range in
            let first = range.lowerBound
            unsafe apply(pointer + first * 2 * half, range.count, half, result.storage.base + first * half)
        }
        return result
    }

    /// For each row the column of its largest value, the lowest one where several are equal; values that are no
    /// numbers are passed over.
    package func argmaxRows(on pool: ThreadPool) -> [Int32] {
        var columns = [Int32](repeating: 0, count: rowCount)
        let loops = unsafe TrainingLoops.best
        unsafe columns.withUnsafeMutableBufferPointer { columns in
            guard let columns = columns.baseAddress else { return }
            pool.runRows(rowCount, width: width) { _, rows in
                for row in rows { unsafe _ = loops.maximum(pointer + row * width, width, columns + row) }
            }
        }
        return columns
    }

    /// The logarithm of the sum of a row's exponentials: a logit less this is a log-probability.
    package func logOfExponentialSum(row: Int) -> Double {
        precondition((0..<rowCount).contains(row) && width > 0, "row \(row) of \(shape)")
        let values = unsafe pointer + row * width
        let loops = unsafe TrainingLoops.best
        var unused: Int32 = 0
        let largest = unsafe loops.maximum(values, width, &unused)
        return unsafe Double(largest + log(loops.sum_of_exponentials(values, width, largest, 1)))
    }

    /// How many values of a row come before that of `column` when sorted as `largest` sorts them: its place there.
    package func rank(of column: Int, inRow row: Int) -> Int {
        precondition((0..<rowCount).contains(row) && (0..<width).contains(column), "\(row), \(column) of \(shape)")
        return unsafe TrainingLoops.best.rank(pointer + row * width, width, column)
    }

    /// For each row its `count` largest values, largest first, the lower column first where values are equal.
    ///
    /// - Parameter pool: shares the rows, where it is given.
    package func largest(_ count: Int, on pool: ThreadPool? = nil) -> [[(column: Int32, value: Float)]] {
        guard count > 0 else { return [[(column: Int32, value: Float)]](repeating: [], count: rowCount) }
        // A thread is woken for some microseconds of work.
        guard let pool, rowCount > 1, rowCount * width > 1 << 14 else {
            return (0..<rowCount).map { unsafe LargestValues.find(count, pointer + $0 * width, width) }
        }
        return pool.map(rowCount) { unsafe LargestValues.find(count, pointer + $0 * width, width) }
    }

    /// Rows `range`, a copy: `[range, width]`.
    package func rows(_ range: Range<Int>) -> Tensor {
        precondition(range.lowerBound >= 0 && range.upperBound <= rowCount, "rows \(range) of shape \(shape)")
        let result = Tensor(uninitialized: [range.count, width])
        unsafe result.storage.base.update(from: pointer + range.lowerBound * width, count: range.count * width)
        return result
    }

    /// The rows with the given numbers, in this order, a copy: `[indices, width]`.
    package func rows(_ indices: [Int]) -> Tensor {
        let result = Tensor(uninitialized: [indices.count, width])
        for (position, index) in indices.enumerated() {
            precondition((0..<rowCount).contains(index), "row \(index) of shape \(shape)")
            unsafe (result.storage.base + position * width).update(from: pointer + index * width, count: width)
        }
        return result
    }

    /// This times a few rows of a table, on one thread: `[rows, table rows]`. For products too small to be packed; each
    /// result is a sum by itself.
    package func timesRows(of table: Tensor) -> Tensor {
        precondition(table.width == width, "rows of shape \(table.shape) for \(shape)")
        let result = Tensor(uninitialized: [rowCount, table.rowCount])
        unsafe falcon_inference()!.pointee.multiply_rows(
            table.pointer, table.rowCount, pointer, rowCount, width, result.storage.base)
        return result
    }

    /// Tensors of one width, one below the other.
    package static func stacked(_ parts: [Tensor]) -> Tensor {
        precondition(!parts.isEmpty, "nothing to stack")
        let width = parts[0].width
        let result = Tensor(uninitialized: [parts.reduce(0) { $0 + $1.rowCount }, width])
        var row = 0
        for part in parts {
            precondition(part.width == width, "cannot stack \(part.shape) on \(parts[0].shape)")
            unsafe (result.storage.base + row * width).update(from: part.pointer, count: part.count)
            row += part.rowCount
        }
        return result
    }

    /// Two tensors side by side, row by row: `[rows, left + right]`.
    package static func sideBySide(_ left: Tensor, _ right: Tensor) -> Tensor {
        precondition(left.rowCount == right.rowCount, "cannot put \(left.shape) beside \(right.shape)")
        let (a, b) = (left.width, right.width)
        let result = Tensor(uninitialized: [left.rowCount, a + b])
        for row in 0..<left.rowCount {
            let target = unsafe result.storage.base + row * (a + b)
            unsafe target.update(from: left.pointer + row * a, count: a)
            unsafe (target + a).update(from: right.pointer + row * b, count: b)
        }
        return result
    }
}
