import FalconAutograd
import FalconTensor
import FalconWeights

/// Llama's self-attention: four projections, rotary positions, grouped key/value heads, a relaxed causal mask.
package struct SelfAttention {
    package let query: Linear
    package let key: Linear
    package let value: Linear
    package let output: Linear
    private let configuration: ModelConfiguration

    /// - Precondition: the key/value heads divide the heads.
    package init(_ scope: ParameterScope, _ configuration: ModelConfiguration, _ start: LayerStart) {
        precondition(
            configuration.keyValueHeadCount > 0
                && configuration.headCount.isMultiple(of: configuration.keyValueHeadCount),
            "\(configuration.keyValueHeadCount) key/value heads do not divide \(configuration.headCount) heads")
        let initializer = Initializer.normal(deviation: start.deviation)
        let width = configuration.headCount * configuration.headSize
        let keyValueWidth = configuration.keyValueHeadCount * configuration.headSize
        func projection(_ name: String, to outputSize: Int, biases: [Float]? = nil) -> Linear {
            Linear(
                scope.scope(name), from: configuration.hiddenSize, to: outputSize,
                hasBias: configuration.plan.hasAttentionBias, initializer: initializer,
                biasInitializer: biases.map { .values($0) } ?? .zeros)
        }
        let ahead = start.lookAhead
        query = projection("q_proj", to: width, biases: ahead?.queryBiases(heads: configuration.headCount))
        key = projection("k_proj", to: keyValueWidth, biases: ahead?.keyBiases(heads: configuration.keyValueHeadCount))
        value = projection("v_proj", to: keyValueWidth)
        output = Linear(scope.scope("o_proj"), from: width, to: configuration.hiddenSize, initializer: initializer)
        self.configuration = configuration
    }

    /// `[batch, time, hidden]` to the same shape.
    ///
    /// - Parameter context: what keys and values are made of, where that is not the input.
    package func forward(
        _ input: Variable, context: Variable? = nil, pass: DecoderPass, tape: inout Tape
    ) -> Variable {
        let (heads, keyValueHeads) = (configuration.headCount, configuration.keyValueHeadCount)
        let context = context ?? input
        let queries = tape.rotate(
            query.forward(input, tape: &tape), by: pass.queryAngles ?? pass.angles, heads: heads)
        let keys = tape.rotate(key.forward(context, tape: &tape), by: pass.angles, heads: keyValueHeads)
        let values = value.forward(context, tape: &tape)
        let attended = tape.attention(
            queries: queries, keys: keys, values: values, heads: heads, keyValueHeads: keyValueHeads,
            visibility: pass.visibility)
        return output.forward(attended, tape: &tape)
    }
}
