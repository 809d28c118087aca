import FalconAutograd
import FalconNN
import FalconTensor
import FalconWeights

/// The draft head in training form: whole sequences at once, on a tape.
///
/// At position i it reads the feature f_i and the token t_{i+1} one step ahead; its output g_i predicts f_{i+k}, so
/// that the LM head on g_i ranks candidates for t_{i+k+1} (Falcon, section 3.1).
///
/// ```
/// E[t_{i+1}] ┐                     ┌ no input norm on layer 0 ┐
///            ├ concat ── fusion ── │ decoder layers, relaxed  │ ── g_i   (no final norm)
/// f_i ───────┘  2H          H      └ causal mask, blocks of k ┘
/// ```
///
/// Some heads add states of the target's lower layers to what the fusion gives (`AuxiliaryInput`).
package final class DraftNetwork {
    package let configuration: DraftConfiguration
    /// Under the authors' state-dict names; the frozen `embed_tokens.weight` first where the head has its own.
    package let parameters: ParameterCollection
    /// The tokens that the head ranks, where those are not all.
    package let vocabulary: VocabularySubset?
    /// The target's embedding, where the head borrows it.
    let borrowed: StoredMatrix?
    private let embedding: Embedding
    private let fusion: FusionLayer
    private let auxiliary: Linear?
    /// See `NewestPair`.
    private let offsets: Parameter?
    private let layers: [DecoderLayer]
    private let correction: BlockCorrection?
    private let table: RotaryTable

    /// The tensor that a head shares with its target.
    package static let embeddingName = "embed_tokens.weight"

    /// - Parameters:
    ///   - source: new random values or a state dict.
    ///   - embedding: the target's `[vocabulary, hidden]`; taken in place of the state dict's own, which may then be
    ///     absent. A new head needs it.
    ///   - vocabulary: the tokens that the head is to rank; sets the configuration's size.
    ///   - looksAhead: whether a new head's biases of queries and keys start as `LookAhead` has them; it needs biases.
    /// - Throws: `StateDictError` where the state dict does not fit, or its reader's error.
    package init(
        _ configuration: DraftConfiguration, _ source: ParameterSource, embedding: StoredMatrix? = nil,
        vocabulary: VocabularySubset? = nil, looksAhead: Bool = false
    ) throws {
        var configuration = configuration
        configuration.draftVocabularySize = vocabulary?.count
        let model = configuration.model
        let builder = ParameterBuilder(source)
        let root = builder.root
        // Frozen: the token embedding is the target's (Falcon, section 3.1).
        if let embedding {
            precondition(
                embedding.rows == model.vocabularySize && embedding.columns == model.hiddenSize,
                "an embedding of shape \([embedding.rows, embedding.columns]), not "
                    + "\([model.vocabularySize, model.hiddenSize])")
            self.embedding = Embedding(borrowing: embedding)
        } else {
            self.embedding = Embedding(
                root.scope("embed_tokens").parameter(
                    "weight", [model.vocabularySize, model.hiddenSize], .normal(deviation: 0.02), isTrainable: false))
        }
        borrowed = embedding
        fusion = FusionLayer(root, configuration)
        auxiliary = AuxiliaryInput.layer(root, configuration)
        offsets =
            configuration.hasNewestPair
            ? root.parameter(NewestPair.name, [configuration.blockSize, model.hiddenSize], .zeros) : nil
        let start = LayerStart(
            lookAhead: !looksAhead
                ? nil
                : LookAhead(
                    blockSize: configuration.blockSize,
                    inverseFrequencies: model.rotary.inverseFrequencies(headSize: model.headSize)))
        layers = (0..<model.layerCount).map { number in
            DecoderLayer(
                root.scope("layers").scope("\(number)"), model, hasInputNorm: number > 0, start: start)
        }
        correction =
            configuration.correctionRank > 0
            ? BlockCorrection(
                root, hidden: model.hiddenSize, rank: configuration.correctionRank, embedding: embedding) : nil
        table = model.rotary.table(headSize: model.headSize)
        (self.configuration, self.vocabulary) = (configuration, vocabulary)
        parameters = try builder.finish {
            HarmlessTensors.contains($0) || DraftVocabulary.contains($0)
                || embedding != nil && $0 == DraftNetwork.embeddingName
        }
    }

    /// Predicted features of a batch.
    ///
    /// - Parameters:
    ///   - features: f, `[batch, time, hidden]`, padded on the right with anything finite.
    ///   - states: of the layers that the head reads (`AuxiliaryInput`), `[batch, time, layers * hidden]`, 0 where
    ///     there are none; left out for a head that reads none, and where there are none at all.
    ///   - nextTokens: t one step ahead, `batch` rows of `time`, padded with any token.
    ///   - ownTokens: t k steps ahead, for heads with a correction (`BlockCorrection`); those that `nextTokens` has
    ///     where they are left out, which is right unless glancing put others there.
    ///   - lengths: the positions of each row that are not padding, at least 1.
    ///   - dropout: between the layers of an LSTM fusion; `nil` in evaluation.
    /// - Returns: g, `[batch, time, hidden]`. Rows of padding are defined and mean nothing.
    package func forward(
        features: Variable, states: Variable? = nil, nextTokens: [[Int32]], ownTokens: [[Int32]]? = nil,
        lengths: [Int], dropout: inout Dropout?, tape: inout Tape
    ) -> Variable {
        let predicted = uncorrected(
            features: features, states: states, nextTokens: nextTokens, lengths: lengths, dropout: &dropout,
            tape: &tape)
        guard let correction else { return predicted }
        let own = ownTokens ?? BlockCorrection.ownTokens(nextTokens, blockSize: configuration.blockSize)
        return correction.forward(predicted, own: embedding.forward(own, tape: &tape), tape: &tape)
    }

    private func uncorrected(
        features: Variable, states: Variable?, nextTokens: [[Int32]], lengths: [Int], dropout: inout Dropout?,
        tape: inout Tape
    ) -> Variable {
        let embedded = embedding.forward(nextTokens, tape: &tape)
        precondition(
            features.shape == embedded.shape,
            "features of shape \(features.shape) for tokens whose embeddings have the shape \(embedded.shape)")
        let input = tape.concatenate(embedded, features)
        var fused = fusion.forward(input, dropout: &dropout, tape: &tape)
        if let states {
            guard let auxiliary else { preconditionFailure("layers' states for a head that reads none") }
            fused = tape.add(fused, auxiliary.forward(states, tape: &tape))
        }
        let (time, size) = (features.shape[1], configuration.blockSize)
        guard let offsets else {
            let pass = DecoderPass(lengths: lengths, time: time, blockSize: size, table: table)
            return layers.reduce(fused) { $1.forward($0, pass: pass, tape: &tape) }
        }
        let pass = DecoderPass(
            lengths: lengths, time: time, blockSize: size, table: table,
            queryPositions: NewestPair.queryPositions(time: time, blockSize: size))
        let ends = NewestPair.ends(time: time, blockSize: size)
        let rows = lengths.indices.flatMap { batch in ends.map { batch * time + $0 } }
        let start = tape.add(
            tape.reshape(tape.rows(of: fused, at: rows), fused.shape),
            tape.reshape(
                tape.rows(of: tape.variable(offsets), at: lengths.flatMap { _ in (0..<time).map { $0 % size } }),
                fused.shape))
        return layers.reduce(start) { $1.forward($0, context: fused, pass: pass, tape: &tape) }
    }

    /// Predicted features without dropout and without a trace on any tape.
    package func features(
        _ features: Tensor, states: Tensor? = nil, nextTokens: [[Int32]], lengths: [Int], on pool: ThreadPool
    ) -> Tensor {
        var tape = Tape(on: pool, recordsGradients: false)
        var dropout: Dropout?
        return forward(
            features: Tape.constant(features), states: states.map { Tape.constant($0) }, nextTokens: nextTokens,
            lengths: lengths, dropout: &dropout, tape: &tape
        ).value
    }
}
