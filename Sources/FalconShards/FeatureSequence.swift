import FalconTensor

/// One conversation as training reads it: the target's own features beside its tokens.
package struct FeatureSequence: Sendable, Equatable {
    /// The conversation's name in its dataset.
    package let id: String
    /// `[tokens]`.
    package let tokens: [Int32]
    /// `[tokens]`, 1 on the assistant's tokens (end of turn included), 0 elsewhere.
    package let lossMask: [UInt8]
    /// `[tokens, hidden]`; row i is f_i, the target's last hidden state after the final norm at token i.
    package let features: Tensor
    /// `[tokens]`; row i is of the distribution over the token behind token i. `nil` where none were asked for.
    package let statistics: TeacherStatistics?
    /// States of some of the target's layers at each token; `nil` where none were asked for.
    package let auxiliary: AuxiliaryFeatures?

    /// Traps where the lengths differ.
    package init(
        id: String, tokens: [Int32], lossMask: [UInt8], features: Tensor, statistics: TeacherStatistics? = nil,
        auxiliary: AuxiliaryFeatures? = nil
    ) {
        precondition(
            auxiliary.map { $0.rows.rowCount == tokens.count && $0.rows.width == $0.layers.count * features.width }
                ?? true, "states of shape \(auxiliary?.rows.shape ?? []) beside features of shape \(features.shape)")
        self.auxiliary = auxiliary
        precondition(
            tokens.count == lossMask.count && features.shape.count == 2 && features.shape[0] == tokens.count
                && statistics?.rowCount ?? tokens.count == tokens.count,
            "\(tokens.count) tokens with \(lossMask.count) mask values and features of shape \(features.shape)")
        (self.id, self.tokens, self.lossMask, self.features) = (id, tokens, lossMask, features)
        self.statistics = statistics
    }

    /// The first token with a feature, or a state beside it, that is infinite or not a number.
    package var firstTokenNotFinite: Int? { features.firstRowNotFinite ?? auxiliary?.rows.firstRowNotFinite }

    /// The number of tokens.
    package var length: Int { tokens.count }
}

/// A sequence with its features as they stand in a shard: copied so, nothing is rounded a second time.
package struct StoredSequence: Sendable {
    package let id: String
    let tokens: [Int32]
    let lossMask: [UInt8]
    let features: EncodedFeatures
    let statistics: TeacherStatistics?
    /// Of the layers that the shard names.
    var auxiliary: EncodedFeatures?
}

extension StoredSequence {
    /// Narrows a sequence's features for a shard; traps where its shape is none of the shard's.
    init(_ sequence: FeatureSequence, _ description: ShardDescription) throws(FeatureProblem) {
        precondition(
            sequence.features.width == description.hiddenSize && (1...description.maxLength).contains(sequence.length),
            "features of shape \(sequence.features.shape) in a shard of [1...\(description.maxLength), "
                + "\(description.hiddenSize)]")
        precondition(
            sequence.auxiliary?.layers ?? [] == description.auxiliaryLayers,
            "states of the layers \(sequence.auxiliary?.layers ?? []) in a shard of \(description.auxiliaryLayers)")
        var auxiliary: EncodedFeatures?
        if let states = sequence.auxiliary { auxiliary = try description.storage.encode(states.rows) }
        self.init(
            id: sequence.id, tokens: sequence.tokens, lossMask: sequence.lossMask,
            features: try description.storage.encode(sequence.features), statistics: sequence.statistics,
            auxiliary: auxiliary)
    }
}
