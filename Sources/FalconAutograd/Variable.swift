import FalconTensor

/// A value in a computation, and where it stands on the tape if a gradient can reach it.
///
/// A variable without a place on the tape is a constant: what is computed from constants alone is a constant too and
/// leaves nothing on the tape, so an inference pass is a training pass without leaves.
package struct Variable {
    package let value: Tensor
    /// Its number on the tape that made it; `nil` for a constant.
    let node: Int?

    /// Whether a gradient can flow into it.
    package var needsGradient: Bool { node != nil }

    package var shape: [Int] { value.shape }
}
