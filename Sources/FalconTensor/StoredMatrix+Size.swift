extension StoredMatrix {
    /// Root of the mean square of a value.
    ///
    /// - Parameter limit: the most rows to look at, evenly spaced.
    package func rootMeanSquare(rows limit: Int) -> Double {
        let step = max(1, rows / limit)
        return gather(stride(from: 0, to: rows, by: step).map { Int32($0) }).rootMeanSquare
    }
}

extension Tensor {
    /// Root of the mean square of a value; 0 of none.
    package var rootMeanSquare: Double {
        count > 0 ? (scalars.reduce(0) { $0 + Double($1) * Double($1) } / Double(count)).squareRoot() : 0
    }
}
