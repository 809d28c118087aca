extension ModelConfiguration {
    /// What changes a model's features and does not show in its tensors, as the text that fingerprints begin with.
    ///
    /// Shards, checkpoints and draft heads are tied to fingerprints, so this text must never change: it is spelled out
    /// here, whatever types and properties are called. (It began as what Swift printed of these values.) A test holds
    /// it and whole fingerprints.
    package var identity: String {
        let scaling =
            switch rotary.scaling {
            case .none: "none"
            case .linear(let factor): "linear(factor: \(factor))"
            case .dynamic(let factor, let maxPositions): "dynamic(factor: \(factor), maxPositions: \(maxPositions))"
            case .llama3(let factor, let low, let high, let original):
                "llama3(factor: \(factor), lowFrequency: \(low), highFrequency: \(high), "
                    + "originalPositions: \(original))"
            case .divided(let divisors): "divided(by: \(divisors.map { "\($0)" }.joined(separator: ", ")))"
            }
        return "\(family.rawValue) \(headCount) \(normEpsilon) RotaryConfiguration(base: \(rotary.base), "
            + "scaling: FalconWeights.RotaryConfiguration.Scaling.\(scaling))"
    }
}
