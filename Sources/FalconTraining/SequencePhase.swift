import FalconShards
import FalconTensor

extension FeatureSequence {
    /// The sequence without its first tokens. At least one token is left.
    ///
    /// The features stay those of the whole text. A draft head does not see the difference, since its positions count
    /// relatively; but blocks, which begin at multiples of k from the first token on, then begin elsewhere in the text.
    func droppingFirst(_ count: Int) -> FeatureSequence {
        let first = min(count, length - 1)
        guard first > 0 else { return self }
        return FeatureSequence(
            id: id, tokens: Array(tokens.dropFirst(first)), lossMask: Array(lossMask.dropFirst(first)),
            features: features.rows(first..<length),
            statistics: statistics.map { all in .gather((first..<length).map { (all, $0) }) },
            auxiliary: auxiliary.map { AuxiliaryFeatures(layers: $0.layers, rows: $0.rows.rows(first..<length)) })
    }
}
