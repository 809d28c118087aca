import Foundation

/// Rotary position embedding (Su et al. 2021) in Hugging Face's layout: dimension d is turned together with
/// dimension d + size/2, by position * inverseFrequencies[d].
package struct RotaryTable: Sendable {
    /// One for each pair of dimensions: `[headSize / 2]`.
    package let inverseFrequencies: [Float]

    package init(inverseFrequencies: [Float]) { self.inverseFrequencies = inverseFrequencies }

    /// Cosines and sines for some positions, computed once and used by all heads and layers of a pass.
    package func angles(at positions: [Int]) -> RotaryAngles {
        let half = inverseFrequencies.count
        let cosines = Tensor(uninitialized: [positions.count, half])
        let sines = Tensor(uninitialized: [positions.count, half])
        for (row, position) in positions.enumerated() {
            for (pair, frequency) in inverseFrequencies.enumerated() {
                // The product is rounded to float32 as in the reference; cosine and sine of it are exact.
                let angle = Double(Float(position) * frequency)
                unsafe cosines.storage.base[row * half + pair] = Float(cos(angle))
                unsafe sines.storage.base[row * half + pair] = Float(sin(angle))
            }
        }
        return RotaryAngles(cosines: cosines, sines: sines)
    }

    /// Turns the heads of each row to its position (back again where `inverse`, which is the adjoint).
    ///
    /// - Parameters:
    ///   - x: `[rows, heads * headSize]`.
    ///   - positions: one for each row.
    package func rotate(
        _ x: Tensor, heads: Int, positions: [Int], inverse: Bool = false, on pool: ThreadPool
    ) -> Tensor {
        var result = x
        angles(at: positions).rotate(&result, columns: 0..<x.width, heads: heads, inverse: inverse, on: pool)
        return result
    }
}

/// Cosines and sines of the positions of one pass, `[rows, headSize / 2]` each.
package struct RotaryAngles: Sendable {
    let cosines: Tensor
    let sines: Tensor

    /// Turns, in place, the heads that lie in some columns of each row.
    package func rotate(
        _ x: inout Tensor, columns: Range<Int>, heads: Int, inverse: Bool = false, on pool: ThreadPool
    ) {
        let half = cosines.width
        let size = 2 * half
        precondition(
            x.rowCount == cosines.rowCount && columns.count == heads * size && columns.upperBound <= x.width,
            "rotating columns \(columns) of shape \(x.shape) as \(heads) heads of \(size) "
                + "at \(cosines.rowCount) positions"
        )
        let (rows, width) = (x.rowCount, x.width)
        let base = unsafe x.mutablePointer() + columns.lowerBound
        let (cosine, sine) = unsafe (cosines.pointer, sines.pointer)
        let sign: Float = inverse ? -1 : 1
        let group = max(1, 16384 / max(1, columns.count))
        pool.run((rows + group - 1) / group) { piece in
            for row in piece * group..<min(rows, (piece + 1) * group) {
                for head in 0..<heads {
                    let low = unsafe base + row * width + head * size
                    let high = unsafe low + half
                    for pair in 0..<half {
                        let (c, s) = unsafe (cosine[row * half + pair], sign * sine[row * half + pair])
                        let (a, b) = unsafe (low[pair], high[pair])
                        unsafe low[pair] = a * c - b * s
                        unsafe high[pair] = b * c + a * s
                    }
                }
            }
        }
    }
}
