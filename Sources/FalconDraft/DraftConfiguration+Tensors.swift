import FalconWeights

extension DraftConfiguration {
    /// Names and shapes of a draft head's tensors, in the authors' layout.
    ///
    /// - Parameter hasEmbedding: whether the head carries the target's embedding, as the authors' files do.
    package func tensors(hasEmbedding: Bool) -> [ModelTensors.Entry] {
        let hidden = model.hiddenSize
        var list: [ModelTensors.Entry] = []
        if hasEmbedding { list.append(("embed_tokens.weight", [model.vocabularySize, hidden])) }
        switch fusion {
        case .lstm, .gated:
            for (number, width) in [2 * hidden, hidden].enumerated() {
                list.append(("lstm.weight_ih_l\(number)", [4 * hidden, width]))
                list.append(("lstm.weight_hh_l\(number)", [4 * hidden, hidden]))
                guard hasFusionBias else { continue }
                list.append(("lstm.bias_ih_l\(number)", [4 * hidden]))
                list.append(("lstm.bias_hh_l\(number)", [4 * hidden]))
            }
        case .linear:
            list.append(("fc.weight", [hidden, 2 * hidden]))
            if hasFusionBias { list.append(("fc.bias", [hidden])) }
        }
        if hasNewestPair { list.append((NewestPair.name, [blockSize, hidden])) }
        if !auxiliaryLayers.isEmpty { list.append((AuxiliaryInput.name, [hidden, auxiliaryLayers.count * hidden])) }
        if correctionRank > 0 { list += BlockCorrection.tensors(hidden: hidden, rank: correctionRank) }
        for number in 0..<model.layerCount {
            // Layer 0 has no input norm (the authors' code, class of the decoder layer).
            list += ModelTensors.layer(model, hasInputNorm: number > 0).map {
                ("layers.\(number)." + $0.name, $0.shape)
            }
        }
        return list
    }
}
