internal import CFalconKernels
import Foundation

/// Rotary position embedding (Su et al. 2021) in Hugging Face's layout: dimension d is turned together with
/// dimension d + size/2, by position * inverseFrequencies[d].
package struct RotaryTable: Sendable {
    /// One for each pair of dimensions: `[headSize / 2]`; a pair of frequency 0 is left as it is.
    package let inverseFrequencies: [Float]
    /// What pairs that are turned are multiplied by (longrope's attention factor).
    package let magnitude: Float
    private let growth: Growth?

    /// Frequencies that depend on the position from `start` on (dynamic scaling).
    package struct Growth: Sendable {
        let start: Int
        let inverseFrequencies: @Sendable (_ position: Int) -> [Float]

        package init(start: Int, inverseFrequencies: @escaping @Sendable (_ position: Int) -> [Float]) {
            self.start = start
            self.inverseFrequencies = inverseFrequencies
        }
    }

    package init(inverseFrequencies: [Float], magnitude: Float = 1, growth: Growth? = nil) {
        self.inverseFrequencies = inverseFrequencies
        self.magnitude = magnitude
        self.growth = growth
    }

    private func frequencies(at position: Int) -> [Float] {
        guard let growth, position >= growth.start else { return inverseFrequencies }
        return growth.inverseFrequencies(position)
    }

    /// Cosines and sines for some positions, computed once and used by all heads and layers of a pass.
    package func angles(at positions: [Int], on pool: ThreadPool? = nil) -> RotaryAngles {
        let half = inverseFrequencies.count
        let cosines = Tensor(uninitialized: [positions.count, half])
        let sines = Tensor(uninitialized: [positions.count, half])
        func fill(_ row: Int) {
            for (pair, frequency) in frequencies(at: positions[row]).enumerated() {
                // The product is rounded to float32 as in the reference; cosine and sine of it are exact.
                let angle = Double(Float(positions[row]) * frequency)
                let stretch = frequency == 0 ? 1 : magnitude
                unsafe cosines.storage.base[row * half + pair] = Float(cos(angle)) * stretch
                unsafe sines.storage.base[row * half + pair] = Float(sin(angle)) * stretch
            }
        }
        if let pool, positions.count > 16 {
            pool.run((positions.count + 15) / 16) { piece in
                for row in piece * 16..<min(positions.count, piece * 16 + 16) { fill(row) }
            }
        } else {
            for row in positions.indices { fill(row) }
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
        let turn = unsafe falcon_inference()!.pointee.rotate!
        pool.runRows(rows, width: columns.count) { _, range in
            for row in range {
                unsafe turn(base + row * width, heads, half, cosine + row * half, sine + row * half, sign)
            }
        }
    }
}
