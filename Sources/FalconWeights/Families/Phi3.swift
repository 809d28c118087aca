import FalconJSON
import FalconTensor
import Foundation

/// Phi-3 and Phi-4-mini: fused projections, a window in some, heads turned in part, and "longrope", which divides each
/// frequency by a number of its own: one list up to the length that the model was first trained for, another beyond
/// ("LongRoPE": Ding et al., 2024).
///
/// In a text that grows beyond that length all positions would be turned again, so such a model serves up to there.
extension ModelFamily.Traits {
    static let phi3 = ModelFamily.Traits(
        architecture: "Phi3ForCausalLM", isFused: true, hasHistoricDefaults: true, windows: .planned,
        defaults: ["rms_norm_eps": .number(1e-5)], ownKeys: ["partial_rotary_factor"], spelling: separated,
        plan: { fields, configuration in
            let share = try fields.positive("partial_rotary_factor", default: 1)
            guard share <= 1 else { throw fields.problem("partial_rotary_factor", "\(share) is above 1") }
            try turn(Int(Double(configuration.headSize) * share), &configuration) {
                fields.problem("partial_rotary_factor", $0)
            }
            if fields["sliding_window"] != nil { see(try fields.size("sliding_window"), &configuration) }
            guard let longrope = try fields.nested("longrope") else { return }
            let own = longrope["original_max_position_embeddings"] != nil
            let original = try (own ? longrope : fields).size("original_max_position_embeddings", default: 4096)
            let stretch = try longrope.positive(
                "factor", default: Double(configuration.maxPositions) / Double(original))
            try divide(
                by: longrope.positives("short_factor").map { Float($0) },
                magnitude: longrope.positive("attention_factor", default: magnitude(stretch, original)),
                upTo: original, &configuration
            ) { longrope.problem("short_factor", $0) }
        },
        gguf: ModelFamily.GGUFTraits(
            name: "phi3", rotatesPart: true, windows: .planned, ownKeys: ["rope.scaling.attn_factor"],
            extraTensors: ["rope_factors_long.weight", "rope_factors_short.weight"],
            names: ["self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up"]
        ) { fields, tensors, configuration in
            try turn(fields.size("rope.dimension_count", default: configuration.headSize), &configuration) {
                fields.problem("rope.dimension_count", $0)
            }
            let window = "attention.sliding_window"
            if let size = try fields.metadata.integer(fields.prefix + window), size != 0 {
                see(try fields.size(window), &configuration)
            }
            let name = "rope_factors_short.weight"
            guard let factors = tensors[name] else { return }
            let original = try fields.size(
                "rope.scaling.original_context_length", default: configuration.maxPositions)
            let stretch = Double(configuration.maxPositions) / Double(original)
            func problem(_ text: String) -> FileError { FileError(factors.file.path, "tensor '\(name)' \(text)") }
            guard factors.type.isFloatingPoint, factors.shape.count == 1 else { throw problem("is no list of numbers") }
            try divide(
                by: factors.tensor().scalars,
                magnitude: fields.positive("rope.scaling.attn_factor", default: magnitude(stretch, original)),
                upTo: original, &configuration, problem)
        })

    /// Longrope's attention factor.
    private static func magnitude(_ stretch: Double, _ original: Int) -> Double {
        stretch <= 1 || original <= 1 ? 1 : (1 + log(stretch) / log(Double(original))).squareRoot()
    }

    private static func see(_ window: Int, _ configuration: inout ModelConfiguration) {
        configuration.plan.layers = (0..<configuration.layerCount).map { _ in DecoderPlan.Layer(window: window) }
    }

    private static func turn(
        _ size: Int, _ configuration: inout ModelConfiguration, _ problem: (String) -> FileError
    ) throws {
        guard size > 0, size.isMultiple(of: 2), size <= configuration.headSize else {
            throw problem("means \(size) of \(configuration.headSize) dimensions, which cannot be turned in pairs")
        }
        configuration.plan.rotatedSize = size == configuration.headSize ? nil : size
    }

    private static func divide(
        by divisors: [Float], magnitude: Double, upTo original: Int, _ configuration: inout ModelConfiguration,
        _ problem: (String) -> FileError
    ) throws {
        let pairs = (configuration.plan.rotatedSize ?? configuration.headSize) / 2
        guard divisors.count == pairs else { throw problem("has \(divisors.count) numbers for \(pairs) pairs") }
        guard divisors.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw problem("divides by what is no number above 0")
        }
        configuration.rotary.scaling = .divided(by: divisors)
        configuration.rotary.magnitude = Float(magnitude)
        configuration.maxPositions = min(configuration.maxPositions, original)
    }

    /// Longrope and the share of a head that is turned under keys of their own, beside a plain rotary base.
    private static func separated(_ object: JSONObject) -> JSONObject {
        var object = object
        for key in ["rope_parameters", "rope_scaling"] {
            guard var entry = object[key]?.object else { continue }
            if let share = entry["partial_rotary_factor"] { object["partial_rotary_factor"] = share }
            entry["partial_rotary_factor"] = nil
            if let kind = (entry["rope_type"] ?? entry["type"])?.string, ["longrope", "su", "yarn"].contains(kind) {
                object["longrope"] = .object(entry)
                var plain = JSONObject()
                if let base = entry["rope_theta"] { plain["rope_theta"] = base }
                entry = plain
            }
            object[key] = .object(entry)
        }
        return object
    }
}
