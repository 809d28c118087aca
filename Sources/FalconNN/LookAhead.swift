import Foundation

/// Where the biases of an attention's queries and keys start so that its heads look ahead within a block.
///
/// In a block of k positions only the last one has the newest feature and token as its input; every other one has to
/// fetch them from 1 to k - 1 positions further on. From a plain start nothing tells the positions apart, and training
/// spends most of a short run before the first head finds out (all block offsets are equally accurate till then).
/// Here head h begins with its eyes on the position h mod k ahead, or the nearest one to it that its block shows. The
/// biases are trained like all others. Falcon's own; the paper has no such thing.
package struct LookAhead: Sendable, Equatable {
    /// How much higher the score of the position looked at is than that of its neighbours: they get e^-3 of its weight.
    static let gap: Float = 3

    let blockSize: Int
    /// The angle per position of each pair of dimensions, `headSize / 2` values.
    let inverseFrequencies: [Float]

    /// - Parameters:
    ///   - blockSize: k, the positions of a block.
    ///   - inverseFrequencies: of the rotary table that turns the queries and keys.
    package init(blockSize: Int, inverseFrequencies: [Float]) {
        precondition(blockSize >= 1 && !inverseFrequencies.isEmpty, "no block or no angles")
        self.blockSize = blockSize
        self.inverseFrequencies = inverseFrequencies
    }

    /// `[heads * headSize]`: each head's vector of ones and zeros (the angle 0 in every pair), turned `h mod k` ahead.
    package func queryBiases(heads: Int) -> [Float] {
        (0..<heads).flatMap { turned(by: Float($0 % blockSize)) }
    }

    /// `[heads * headSize]`: not turned, as several heads of queries share one of keys.
    package func keyBiases(heads: Int) -> [Float] {
        (0..<heads).flatMap { _ in turned(by: 0) }
    }

    private func turned(by positions: Float) -> [Float] {
        let angles = inverseFrequencies.map { $0 * positions }
        return angles.map { length * cos($0) } + angles.map { length * sin($0) }
    }

    /// The score of a key d positions from the one looked at is length^2 * sum cos(d * f) / sqrt(headSize).
    private var length: Float {
        let drop = inverseFrequencies.reduce(0) { $0 + 1 - cos($1) }
        return (LookAhead.gap * Float(2 * inverseFrequencies.count).squareRoot() / max(drop, 0.01)).squareRoot()
    }
}
