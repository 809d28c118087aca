import FalconAutograd
import FalconTensor
import FalconWeights

/// One Llama decoder layer: attention and feed-forward, each behind a norm and beside a residual.
package struct DecoderLayer {
    /// `nil` in the draft head's first layer, whose input comes straight from the fusion.
    package let inputNorm: RMSNorm?
    package let attention: SelfAttention
    package let feedForwardNorm: RMSNorm
    package let feedForward: GatedFeedForward

    /// - Parameters:
    ///   - configuration: sizes and plan.
    ///   - hasInputNorm: false for the draft head's first layer.
    /// - Precondition: the plan is Llama's, biases of queries, keys and values apart: no other is trained.
    package init(
        _ scope: ParameterScope, _ configuration: ModelConfiguration, hasInputNorm: Bool = true,
        start: LayerStart = LayerStart()
    ) {
        var plan = DecoderPlan()
        plan.hasAttentionBias = configuration.plan.hasAttentionBias
        precondition(configuration.plan == plan, "a layer in training is Llama's")
        let (width, epsilon) = (configuration.hiddenSize, configuration.normEpsilon)
        inputNorm = hasInputNorm ? RMSNorm(scope.scope("input_layernorm"), width: width, epsilon: epsilon) : nil
        attention = SelfAttention(scope.scope("self_attn"), configuration, start)
        feedForwardNorm = RMSNorm(scope.scope("post_attention_layernorm"), width: width, epsilon: epsilon)
        feedForward = GatedFeedForward(scope.scope("mlp"), configuration, start)
    }

    /// `[batch, time, hidden]` to the same shape.
    package func forward(_ input: Variable, pass: DecoderPass, tape: inout Tape) -> Variable {
        let attended = tape.part(input) { input, tape in
            let normed = inputNorm.map { $0.forward(input, tape: &tape) } ?? input
            return tape.add(input, attention.forward(normed, pass: pass, tape: &tape))
        }
        return fed(attended, tape: &tape)
    }

    /// The same with keys and values of other rows than the input's; of these two nothing is run again on the way back.
    package func forward(
        _ input: Variable, context: Variable, pass: DecoderPass, tape: inout Tape
    ) -> Variable {
        func normed(_ rows: Variable) -> Variable { inputNorm.map { $0.forward(rows, tape: &tape) } ?? rows }
        let attended = attention.forward(normed(input), context: normed(context), pass: pass, tape: &tape)
        return fed(tape.add(input, attended), tape: &tape)
    }

    private func fed(_ attended: Variable, tape: inout Tape) -> Variable {
        tape.part(attended) { attended, tape in
            let inner = feedForward.forward(feedForwardNorm.forward(attended, tape: &tape), tape: &tape)
            return tape.add(attended, inner)
        }
    }
}
