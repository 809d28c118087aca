import FalconAutograd
import FalconNN
import FalconTensor

/// The draft head's first stage in training form: `[batch, time, 2 * hidden]` to `[batch, time, hidden]`.
enum FusionLayer {
    case recurrent(StackedLSTM)
    case linear(Linear)

    /// - Parameter scope: the head's root; names are `lstm.*` or `fc.*`.
    init(_ scope: ParameterScope, _ configuration: DraftConfiguration) {
        let hidden = configuration.model.hiddenSize
        switch configuration.fusion {
        case .lstm, .gated:
            self = .recurrent(
                StackedLSTM(
                    scope.scope("lstm"), from: 2 * hidden, hidden: hidden,
                    hasBias: configuration.hasFusionBias, recurrence: configuration.fusion == .lstm ? .overTime : .none)
            )
        case .linear:
            // PyTorch's default for a linear layer, weight and bias.
            let initializer = Initializer.uniform(bound: 1 / Float(2 * hidden).squareRoot())
            self = .linear(
                Linear(
                    scope.scope("fc"), from: 2 * hidden, to: hidden, hasBias: configuration.hasFusionBias,
                    initializer: initializer, biasInitializer: initializer))
        }
    }

    func forward(_ input: Variable, dropout: inout Dropout?, tape: inout Tape) -> Variable {
        switch self {
        case .recurrent(let cells): cells.forward(input, dropout: &dropout, tape: &tape)
        case .linear(let layer): layer.forward(input, tape: &tape)
        }
    }
}
