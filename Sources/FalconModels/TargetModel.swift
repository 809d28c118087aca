import FalconDigest
import FalconTensor
import FalconWeights

/// A language model of any family (`ModelFamily`) for inference, as the target of drafting.
///
/// A feature is the last hidden state after the final norm, what Hugging Face returns as `hidden_states[-1]`; the LM
/// head turns it into logits. Every row of every function is batch-invariant: bit-identical however many rows are
/// computed with it.
package final class TargetModel: Sendable {
    /// The token embedding and the LM head.
    package let ends: EmbeddingAndHead
    package var configuration: ModelConfiguration { ends.configuration }
    /// Names this model's weights and the settings that change its features: 64 hexadecimal digits.
    package var fingerprint: String { ends.fingerprint }
    private let layers: [PackedDecoderLayer]
    private let finalNorm: Tensor
    /// The model's own rotary table and those of its plan.
    private let rotaries: [RotaryTable]

    /// Opens a model's folder or GGUF file, and packs the layers.
    ///
    /// - Parameter arithmetic: of all products with the model's weights; `nil` for what suits the way in which they
    ///   are written (`WeightFolder.arithmetic`).
    /// - Throws: `FileError` where a file is missing or damaged, a setting is not supported, the tensors are not those
    ///   of the configuration, or a weight is infinite or not a number.
    package convenience init(folder path: String, arithmetic: ProductArithmetic? = .float32, pool: ThreadPool) throws {
        try self.init(ModelSource(path: path), arithmetic: arithmetic, pool: pool)
    }

    /// Packs the layers of a model.
    ///
    /// - Parameter arithmetic: of all products with the model's weights.
    /// - Throws: as `init(folder:)`.
    package init(_ source: ModelSource, arithmetic: ProductArithmetic? = .float32, pool: ThreadPool) throws {
        let target = try source.open()
        let configuration = target.configuration
        let arithmetic = try target.weights.arithmetic(arithmetic, isTied: configuration.tiesEmbeddings)
        ends = try EmbeddingAndHead(target, arithmetic: arithmetic, pool: pool)
        let model = LayerWeights(target.weights, checkedOn: pool).scope("model")
        let plan = configuration.plan
        finalNorm = try model.norm("norm", count: configuration.hiddenSize, offset: plan.normOffset)
        layers = try (0..<configuration.layerCount).map {
            try PackedDecoderLayer(
                model.scope("layers.\($0)"), of: configuration, layer: plan.layer($0), arithmetic: arithmetic, on: pool)
        }
        rotaries = ([configuration.rotary] + plan.otherRotaries).map {
            $0.table(headSize: configuration.headSize, rotatedSize: plan.rotatedSize)
        }
    }

    /// An empty cache with room for at least `capacity` positions, provisional rows included.
    package func makeCache(capacity: Int) -> KeyValueCache {
        KeyValueCache(layers: layers.map { $0.makeCache(capacity: capacity) }, capacity: capacity)
    }

    /// Bytes of the packed layers and the packed LM head.
    package var byteCount: Int { layers.reduce(ends.byteCount) { $0 + $1.byteCount } }

    /// One pass over a token tree that hangs below the committed positions. Its rows stay provisional.
    ///
    /// - Parameters:
    ///   - tokens: one for each row.
    ///   - parents: the row that each row continues, below its own number; -1 where it continues the committed
    ///     sequence. A row sees that sequence, its ancestors and itself; its position is the number of those less one.
    /// - Returns: features `[rows, hidden]`.
    package func forward(_ tokens: [Int32], parents: [Int], cache: KeyValueCache, on pool: ThreadPool) -> Tensor {
        forward([PassRows(tokens: tokens, parents: parents, cache: cache)], on: pool)
    }

    /// One pass over rows of several sequences, each of which sees its own sequence only. They stay provisional.
    ///
    /// - Parameters:
    ///   - sequences: no cache twice.
    ///   - states: layers whose states stand beside the features (`AuxiliaryLayers`), ascending.
    /// - Returns: features `[rows, hidden]`, one sequence's rows behind the other's; each row's are the same bits in
    ///   any company.
    package func forward(_ sequences: [PassRows], states: [Int] = [], on pool: ThreadPool) -> Tensor {
        precondition(
            states.allSatisfy { (1...layers.count).contains($0) }, "states of \(states) of \(layers.count) layers")
        let masks = sequences.map { $0.visible() }
        let positions = zip(sequences, masks).flatMap { $0.positions(visible: $1) }
        let angles = rotaries.map { $0.angles(at: positions, on: pool) }
        var x = embed(sequences.flatMap(\.tokens))
        var beside: [Tensor] = []
        for (number, layer) in layers.enumerated() {
            let rows = zip(sequences, masks).map { sequence, visible in
                AttentionCache.SequenceRows(
                    cache: sequence.cache.layers[number], slot: sequence.cache.committedCount, visible: visible)
            }
            x = layer.forward(x, angles: layer.rotary.map { angles[$0] }, sequences: rows, on: pool)
            if states.contains(number + 1) {
                let ones = Tensor(repeating: 1, [configuration.hiddenSize])
                beside.append(x.rmsNorm(weight: ones, epsilon: configuration.normEpsilon, on: pool))
            }
        }
        for sequence in sequences { sequence.cache.appendProvisional(sequence.tokens.count) }
        let features = x.rmsNorm(weight: finalNorm, epsilon: configuration.normEpsilon, on: pool)
        return beside.reduce(features, Tensor.sideBySide)
    }

    /// One pass over the sequence's next tokens, committed at once.
    ///
    /// - Parameter states: layers whose states stand beside the features (`AuxiliaryLayers`), ascending.
    /// - Returns: features `[tokens, hidden]`.
    package func forward(
        _ tokens: [Int32], cache: KeyValueCache, states: [Int] = [], on pool: ThreadPool
    ) -> Tensor {
        var features: [Tensor] = []
        // Pieces bound the memory of activations; the result does not depend on them.
        let piece = 512
        for start in stride(from: 0, to: tokens.count, by: piece) {
            let part = Array(tokens[start..<min(start + piece, tokens.count)])
            features.append(forward([PassRows(next: part, cache: cache)], states: states, on: pool))
            cache.commit(path: Array(0..<part.count))
        }
        return features.count == 1
            ? features[0]
            : features.isEmpty
                ? Tensor(zeros: [0, (1 + states.count) * configuration.hiddenSize]) : Tensor.stacked(features)
    }

    /// The LM head on features `[rows, hidden]`: logits `[rows, vocabulary]`.
    package func logits(_ features: Tensor, on pool: ThreadPool) -> Tensor { ends.logits(features, on: pool) }

    /// The most likely next token of each row of features, the lowest id where two are equally likely.
    package func greedyTokens(_ features: Tensor, on pool: ThreadPool) -> [Int32] {
        ends.greedyTokens(features, on: pool)
    }

    /// Embeddings `[tokens, hidden]`.
    package func embed(_ tokens: [Int32]) -> Tensor { ends.embed(tokens) }

    /// The token embedding, `[vocabulary, hidden]`, where it is stored: for training.
    package var embedding: StoredMatrix { ends.embedding }

    /// The fingerprint of a model whose weights need not be packed.
    package static func fingerprint(_ configuration: ModelConfiguration, _ folder: WeightFolder) -> String {
        var digest = SHA256Digest()
        digest.update(Array(configuration.identity.utf8))
        // Both ends of each tensor tell models apart without reading 100 GB.
        for stored in folder.names.sorted().compactMap({ folder.stored($0) }) {
            digest.update(Array("\(stored.name) \(stored.encoding) \(stored.shape)".utf8))
            let sample = min(4096, stored.range.count)
            digest.update(stored.file.bytes(stored.range.lowerBound..<stored.range.lowerBound + sample))
            digest.update(stored.file.bytes(stored.range.upperBound - sample..<stored.range.upperBound))
        }
        return digest.hexadecimal()
    }
}
