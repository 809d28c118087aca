import FalconTensor

/// Hidden states of some of the target's layers beside its features.
///
/// Each is the residual stream behind its layer, normed to a root mean square of 1, so that layers are of one scale;
/// those of a token stand side by side, the lowest layer's first.
package struct AuxiliaryFeatures: Sendable, Equatable {
    /// Numbers of the layers, from 1, ascending.
    package let layers: [Int]
    /// `[tokens, layers * hidden]`
    package let rows: Tensor

    /// Traps where the rows cannot be those of so many layers.
    package init(layers: [Int], rows: Tensor) {
        precondition(
            LayerNumbers.areAscending(layers) && !layers.isEmpty && rows.shape.count == 2
                && rows.width % layers.count == 0, "states of shape \(rows.shape) of the layers \(layers)")
        (self.layers, self.rows) = (layers, rows)
    }

    /// The states of some of the layers, `[tokens, wanted * hidden]`.
    ///
    /// - Parameter wanted: all among `layers`; see `FeatureSequences.requireLayers`.
    package func states(of wanted: [Int]) -> Tensor {
        rows.columnBlocks(
            wanted.map { layer in
                guard let place = layers.firstIndex(of: layer) else {
                    preconditionFailure("layer \(layer) is none of \(layers)")
                }
                return place
            }, size: rows.width / layers.count)
    }
}

extension FeatureSequence {
    /// The features with the states of some layers beside them, `[tokens, (1 + layers) * hidden]`.
    ///
    /// - Parameter layers: all stored; none gives the features alone.
    package func rows(with layers: [Int]) -> Tensor {
        guard !layers.isEmpty else { return features }
        return .sideBySide(features, states(of: layers))
    }

    /// The states of some layers, `[tokens, layers * hidden]`; traps where they are not there.
    package func states(of layers: [Int]) -> Tensor {
        guard let auxiliary else { preconditionFailure("\(id) has no states of the layers \(layers)") }
        return auxiliary.states(of: layers)
    }
}

extension FeatureSequences {
    /// Refuses features without the states that a draft head reads.
    ///
    /// - Throws: `FileError` that says how to make them.
    package func requireLayers(_ layers: [Int]) throws {
        let stored = description.auxiliaryLayers
        guard !layers.allSatisfy(stored.contains) else { return }
        let wanted = LayerNumbers.text(layers)
        throw FileError(
            path,
            "has hidden states of \(stored.isEmpty ? "no layers" : "the layers \(LayerNumbers.text(stored))"), but the "
                + "draft head reads those of \(wanted); make it with falcon-gen-data --auxiliary-layers \(wanted)")
    }
}
