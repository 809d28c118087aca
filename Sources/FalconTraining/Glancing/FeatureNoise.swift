import FalconTensor

/// Noise on the features that the draft head is fed: at inference they are its own predictions, and never exact.
package struct FeatureNoise: Equatable, Sendable {
    package enum Kind: String, CaseIterable, Sendable, RecipeChoice {
        case none
        /// Even in plus or minus `halfWidth` (the paper).
        case uniform
        /// The same, times 512 / T for a sequence of T tokens (the authors' code, after EAGLE).
        case length
    }

    package let kind: Kind
    package let halfWidth: Float

    package init(kind: Kind, halfWidth: Float) {
        self.kind = kind
        self.halfWidth = halfWidth
    }

    /// The half width for a sequence of `length` tokens.
    package func halfWidth(length: Int) -> Float {
        switch kind {
        case .none: 0
        case .uniform: halfWidth
        case .length: halfWidth * 512 / Float(length)
        }
    }

    /// Adds noise to the first `count` values; `uniform` gives numbers in `[0, 1)`.
    package func add(to values: inout [Float], first start: Int, count: Int, length: Int, uniform: () -> Float) {
        let width = 2 * halfWidth(length: length)
        guard width > 0 else { return }
        for index in start..<start + count { values[index] += (uniform() - 0.5) * width }
    }
}
