import FalconAutograd
import FalconTensor
import FalconWeights

/// A whole Llama language model in training form, for pretraining a small target.
///
/// State-dict names are Hugging Face's, so that what it saves loads as a target anywhere.
package final class LlamaNetwork {
    package let configuration: ModelConfiguration
    package let parameters: ParameterCollection
    private let embedding: Embedding
    private let layers: [DecoderLayer]
    private let norm: RMSNorm
    private let head: Parameter
    private let table: RotaryTable

    /// - Parameters:
    ///   - configuration: one of Llama's plan.
    ///   - start: how new weights begin.
    ///   - source: new random values or a state dict.
    /// - Throws: `StateDictError` where the state dict does not fit, or its reader's error.
    package init(
        _ configuration: ModelConfiguration, start: LayerStart = LayerStart(), _ source: ParameterSource
    ) throws {
        let builder = ParameterBuilder(source)
        let initializer = Initializer.normal(deviation: start.deviation)
        let model = builder.root.scope("model")
        let shape = [configuration.vocabularySize, configuration.hiddenSize]
        let tokens = model.scope("embed_tokens").parameter("weight", shape, initializer)
        embedding = Embedding(tokens)
        layers = (0..<configuration.layerCount).map { number in
            DecoderLayer(model.scope("layers").scope("\(number)"), configuration, start: start)
        }
        norm = RMSNorm(model.scope("norm"), width: configuration.hiddenSize, epsilon: configuration.normEpsilon)
        head =
            configuration.tiesEmbeddings
            ? tokens : builder.root.scope("lm_head").parameter("weight", shape, initializer)
        table = configuration.rotary.table(headSize: configuration.headSize)
        self.configuration = configuration
        parameters = try builder.finish()
    }

    /// The LM head `[vocabulary, hidden]` as a variable of this pass, for the loss.
    package func headWeight(tape: inout Tape) -> Variable { tape.variable(head) }

    /// The features after the final norm.
    ///
    /// - Parameters:
    ///   - tokens: `batch` rows of equal length, padded on the right with any token.
    ///   - lengths: how many tokens of each row count.
    /// - Returns: `[batch, time, hidden]`.
    package func features(_ tokens: [[Int32]], lengths: [Int], tape: inout Tape) -> Variable {
        var state = embedding.forward(tokens, tape: &tape)
        let pass = DecoderPass(lengths: lengths, time: state.shape[1], blockSize: 1, table: table)
        for layer in layers { state = layer.forward(state, pass: pass, tape: &tape) }
        return norm.forward(state, tape: &tape)
    }
}
