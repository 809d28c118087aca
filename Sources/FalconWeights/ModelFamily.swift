import FalconJSON
import FalconTensor

/// The families of target models. They share one decoder and differ in what their traits say, one file a family;
/// nothing else in Falcon asks for the family.
package enum ModelFamily: String, Sendable, CaseIterable {
    case llama, mistral, qwen2, qwen3, olmo2, smollm3, phi3
    case gemma3 = "gemma3_text"

    package var traits: Traits {
        switch self {
        case .llama: .llama
        case .mistral: .mistral
        case .qwen2: .qwen2
        case .qwen3: .qwen3
        case .olmo2: .olmo2
        case .smollm3: .smollm3
        case .phi3: .phi3
        case .gemma3: .gemma3
        }
    }

    /// Where a family takes something from.
    package enum Choice: Sendable, Equatable {
        case always, never
        /// From this key of config.json, false where it is absent.
        case configured(String)
    }

    /// Which layers see a window (`sliding_window`: how many positions, themselves included) instead of all positions.
    package enum Windows: Sendable {
        /// None: a configuration with a window that matters is refused.
        case refused
        /// All of them (Mistral).
        case everywhere
        /// Where `use_sliding_window` is true: those that `layer_types` names, or, without it, those from number
        /// `max_window_layers` on (Qwen).
        case switched
        /// What the family's plan says.
        case planned
    }

    /// What tells a family's configurations apart from others, and what makes a plan of one.
    package struct Traits: Sendable {
        /// The class that `architectures` names.
        package let architecture: String
        /// Biases of the query, key and value projections.
        package var attentionBias = Choice.never
        /// A bias of the attention's output projection.
        package var outputBias = Choice.never
        /// Biases in the feed-forward part.
        package var mlpBias = Choice.never
        package var queryKeyNorm = DecoderPlan.QueryKeyNorm.none
        package var activation = GateActivation.silu
        /// Whether queries, keys and values, and gate and up, are stored as one.
        package var isFused = false
        /// The head size where `head_dim` is absent; `nil`: hidden size / heads.
        package var defaultHeadSize: Int?
        /// Whether early members left out `num_key_value_heads`, `rope_theta` and `max_position_embeddings`, which
        /// then stand for as many as query heads, 10000 and 2048. In other families their absence is an error.
        package var hasHistoricDefaults = false
        package var windows = Windows.refused
        /// What stands where a key is absent or null.
        var defaults: [String: JSONValue] = [:]
        /// Keys that only this family reads.
        var ownKeys: Set<String> = []
        /// Brings the spellings of a configuration into one.
        var spelling: @Sendable (JSONObject) -> JSONObject = { $0 }
        /// Completes a configuration, whose sizes are read, with what is the family's own.
        var plan: @Sendable (ConfigurationFields, inout ModelConfiguration) throws -> Void = { _, _ in }
        /// How llama.cpp writes it; `nil` where it does not, or as another family.
        var gguf: GGUFTraits?
    }

    /// How llama.cpp's converter writes a family.
    struct GGUFTraits: Sendable {
        /// What `general.architecture` says.
        let name: String
        /// Whether the converter put rotary pairs of queries and keys side by side.
        var pairsRotaryRows = false
        /// Whether biases may be there, as the file has them; in other architectures the family alone says it.
        var hasOptionalBiases = false
        /// Whether a part of each head's dimensions may be turned.
        var rotatesPart = false
        var windows = Windows.refused
        /// Keys that only this family reads.
        var ownKeys: Set<String> = []
        /// Tensors besides those of the layers.
        var extraTensors: Set<String> = []
        /// A layer's tensors that are called otherwise than Llama's, by Hugging Face's names.
        var names: [String: String] = [:]
        /// Completes a configuration, whose sizes are read, from the metadata and the tensors by their names.
        var plan: @Sendable (GGUFFields, [String: StoredTensor], inout ModelConfiguration) throws -> Void = { _, _, _ in
        }
    }
}

extension DecoderPlan {
    /// What follows from a family's traits alone.
    init(_ traits: ModelFamily.Traits) {
        self.init()
        hasAttentionBias = traits.attentionBias == .always
        queryKeyNorm = traits.queryKeyNorm
        activation = traits.activation
        isFused = traits.isFused
    }
}
