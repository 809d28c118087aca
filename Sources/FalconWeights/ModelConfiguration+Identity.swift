import FalconJSON

extension ModelConfiguration {
    /// What changes a model's features and does not show in its tensors, as the text that fingerprints begin with.
    ///
    /// Shards, checkpoints and draft heads are tied to fingerprints, so this text must never change: it is spelled out
    /// here, whatever types and properties are called. (It began as what Swift printed of these values.) A test holds
    /// it and whole fingerprints. Plans that the first families do not share have version 2, their canonical JSON.
    package var identity: String {
        guard plan.isClassic, rotary.magnitude == 1 else {
            var document = plan.document(rotary)
            document["family"] = .string(family.rawValue)
            document["heads"] = .string("\(headCount)")
            document["norm_epsilon"] = .string("\(normEpsilon)")
            var sorted = JSONObject()
            for key in document.keys.sorted() { sorted[key] = document[key] }
            return "v2:" + JSONValue.object(sorted).text()
        }
        return "\(family.rawValue) \(headCount) \(normEpsilon) \(rotary.identity)"
    }
}

extension RotaryConfiguration {
    /// Its text in identities of either version.
    var identity: String {
        let kind =
            switch scaling {
            case .none: "none"
            case .linear(let factor): "linear(factor: \(factor))"
            case .dynamic(let factor, let maxPositions): "dynamic(factor: \(factor), maxPositions: \(maxPositions))"
            case .llama3(let factor, let low, let high, let original):
                "llama3(factor: \(factor), lowFrequency: \(low), highFrequency: \(high), "
                    + "originalPositions: \(original))"
            case .divided(let divisors): "divided(by: \(divisors.map { "\($0)" }.joined(separator: ", ")))"
            }
        return "RotaryConfiguration(base: \(base), scaling: FalconWeights.RotaryConfiguration.Scaling.\(kind))"
            + (magnitude == 1 ? "" : ", magnitude \(magnitude)")
    }
}
