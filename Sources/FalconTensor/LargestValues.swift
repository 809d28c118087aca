internal import CFalconKernels

/// The largest values of a row.
enum LargestValues {
    /// Most blocks hold nothing that is large enough, which a vector loop sees at once.
    private static let block = 128

    /// - Parameter count: 1 or more.
    /// - Returns: largest first, the lower column first where values are equal.
    static func find(
        _ count: Int, _ values: UnsafePointer<Float>, _ width: Int
    ) -> [(column: Int32, value: Float)] {
        let loops = unsafe TrainingLoops.best
        var best: [(column: Int32, value: Float)] = []
        best.reserveCapacity(count + 1)
        for start in stride(from: 0, to: width, by: block) {
            let end = min(start + block, width)
            var unused: Int32 = 0
            if best.count == count,
                unsafe !(loops.maximum(values + start, end - start, &unused) > best[count - 1].value)
            {
                continue
            }
            for column in start..<end {
                let value = unsafe values[column]
                if best.count == count, !(value > best[count - 1].value) { continue }
                var (place, end) = (0, best.count)
                while place < end {
                    let middle = (place + end) / 2
                    if value > best[middle].value { end = middle } else { place = middle + 1 }
                }
                best.insert((Int32(column), value), at: place)
                if best.count > count { best.removeLast() }
            }
        }
        return best
    }
}
