import FalconJSON
import FalconTensor

/// Everything that a decoder does with its sizes: norms, projections, activation, attention and positions. A family
/// makes it of a configuration; the inference layer and the list of tensors read it. As it begins it is Llama's.
package struct DecoderPlan: Sendable, Equatable {
    /// What one layer's attention does with positions.
    package struct Layer: Sendable, Equatable {
        /// Which of the model's rotary configurations turns queries and keys; `nil`: they are not turned.
        package var rotary: Int?
        /// How many positions a row sees, itself included; `nil`: all.
        package var window: Int?

        package init(rotary: Int? = 0, window: Int? = nil) { (self.rotary, self.window) = (rotary, window) }
    }

    package enum QueryKeyNorm: String, Sendable {
        case none
        /// Over each head, with one weight for all heads (Qwen3, Gemma 3).
        case head
        /// Over all heads together (OLMo 2).
        case width
    }

    /// Norms by the names of their weights, in the order in which a layer meets them; `nil`: there is none.
    package var inputNorm: String? = "input_layernorm"
    /// Of what attention adds to the residual.
    package var attentionOutputNorm: String?
    package var feedForwardNorm: String? = "post_attention_layernorm"
    /// Of what the feed-forward part adds to the residual.
    package var feedForwardOutputNorm: String?
    /// Added to every norm's weight: 1 where weights are stored as their distance from 1 (Gemma).
    package var normOffset: Float = 0

    /// Whether queries, keys and values are stored as one projection, and gate and up as another (Phi-3).
    package var isFused = false
    /// Biases of the query, key and value projections.
    package var hasAttentionBias = false
    package var hasOutputBias = false
    package var hasMLPBias = false
    package var queryKeyNorm = QueryKeyNorm.none
    package var activation = GateActivation.silu

    /// What scores are multiplied by; `nil`: `1 / sqrt(headSize)`.
    package var scoreScale: Float?
    /// What embeddings are multiplied by.
    package var embeddingScale: Float = 1
    /// How many dimensions of a head are turned, the first ones; `nil`: all.
    package var rotatedSize: Int?
    /// Rotary configurations besides the model's own, which is number 0.
    package var otherRotaries: [RotaryConfiguration] = []
    /// Empty where every layer is as `Layer` begins.
    package var layers: [Layer] = []

    package init() {}

    package func layer(_ number: Int) -> Layer { layers.isEmpty ? Layer() : layers[number] }

    /// Whether it is one that the first families share, whose models are told apart by version 1 of their identity.
    package var isClassic: Bool {
        var classic = DecoderPlan()
        (classic.hasAttentionBias, classic.hasOutputBias) = (hasAttentionBias, hasOutputBias)
        classic.hasMLPBias = hasMLPBias
        if queryKeyNorm == .head { classic.queryKeyNorm = .head }
        return self == classic
    }

    /// The plan as canonical JSON: sorted keys, numbers as their shortest decimals.
    ///
    /// Fingerprints begin with it, so what it says of a plan must never change; a test holds it. A member that is added
    /// to the plan appears here only where it is not as it was before.
    func document(_ rotary: RotaryConfiguration) -> JSONObject {
        var object = JSONObject()
        func set(_ key: String, _ text: String?) { object[key] = text.map { .string($0) } }
        set("activation", activation.rawValue)
        set("attention_output_norm", attentionOutputNorm)
        set("embedding_scale", "\(embeddingScale)")
        set("feed_forward_norm", feedForwardNorm)
        set("feed_forward_output_norm", feedForwardOutputNorm)
        set("input_norm", inputNorm)
        if !layers.isEmpty {
            object["layers"] = .array(
                layers.map { layer in
                    .string("rotary \(layer.rotary ?? -1), window \(layer.window ?? 0)")
                })
        }
        set("norm_offset", "\(normOffset)")
        set("query_key_norm", queryKeyNorm.rawValue)
        set("rotated_size", rotatedSize.map { "\($0)" })
        object["rotaries"] = .array(([rotary] + otherRotaries).map { .string($0.identity) })
        set("score_scale", scoreScale.map { "\($0)" })
        return object
    }
}
