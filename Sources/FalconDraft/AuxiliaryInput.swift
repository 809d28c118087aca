import FalconAutograd
import FalconNN
import FalconTensor

/// States of the target's lower layers as a further input of the head, in training form.
///
/// The last layer's feature is made to choose the next token; what lies further ahead stands in lower layers, too
/// (EAGLE-3). Their states s_i (`AuxiliaryLayers`) are added to what the fusion makes of feature and token:
///
///     u_i = fusion([E[t_{i+1}]; f_i]) + W s_i         W [hidden, layers * hidden]
///
/// Added, not put beside them, so that W = 0 is the head without: a new head starts there, and a head that was trained
/// without goes on with them. Where the head reads its own predictions (later passes, `SelfFedBlocks`) there are no
/// states: s is 0.
package enum AuxiliaryInput {
    /// Of `config.json`: the layers' numbers.
    static let key = "auxiliary_layers"
    /// W.
    package static let name = "auxiliary.weight"

    /// The layer, which starts at 0; `nil` for a head that reads no states.
    static func layer(_ root: ParameterScope, _ configuration: DraftConfiguration) -> Linear? {
        let (hidden, count) = (configuration.model.hiddenSize, configuration.auxiliaryLayers.count)
        return count == 0
            ? nil : Linear(root.scope("auxiliary"), from: count * hidden, to: hidden, initializer: .zeros)
    }

    /// The weights of a head that had none.
    static func fresh(_ configuration: DraftConfiguration) -> [String: Tensor] {
        let (hidden, count) = (configuration.model.hiddenSize, configuration.auxiliaryLayers.count)
        return [name: Tensor(zeros: [hidden, count * hidden])]
    }
}
