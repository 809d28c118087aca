import FalconJSON
import FalconTensor
import Foundation

/// How positions turn queries and keys (rotary position embedding, RoPE): the base of the angles and how they are
/// stretched beyond the length that the model was first trained for.
package struct RotaryConfiguration: Sendable, Equatable {
    package enum Scaling: Sendable, Equatable {
        case none
        /// Angles divided by `factor` ("position interpolation").
        case linear(factor: Double)
        /// A base that grows with the sequence once it is longer than `maxPositions` ("dynamic NTK").
        case dynamic(factor: Double, maxPositions: Int)
        /// Slow angles divided by `factor`, fast ones kept, a ramp between (Llama 3.1).
        case llama3(factor: Double, lowFrequency: Double, highFrequency: Double, originalPositions: Int)
        /// Each angle divided by a number of its own: how GGUF files write Llama 3.1's scaling.
        case divided(by: [Float])
    }

    /// `rope_theta`.
    package var base: Double
    package var scaling: Scaling
    /// What turned dimensions are multiplied by besides (longrope's attention factor).
    package var magnitude: Float = 1

    package init(base: Double = 10000, scaling: Scaling = .none) {
        self.base = base
        self.scaling = scaling
    }

    /// What the authors' draft head computes from this configuration: with linear or dynamic scaling their class
    /// forgets `rope_theta` and takes the base 10000.
    package var asInAuthorsDraftHead: RotaryConfiguration {
        switch scaling {
        case .none, .llama3, .divided: self
        case .linear, .dynamic: RotaryConfiguration(base: 10000, scaling: scaling)
        }
    }

    /// The angle per position of each pair of dimensions, `headSize / 2` values, as Hugging Face computes them, in
    /// float32.
    ///
    /// - Parameters:
    ///   - headSize: an even number.
    ///   - sequenceLength: positions in use; only dynamic scaling looks at it, and only beyond its `maxPositions`.
    package func inverseFrequencies(headSize: Int, sequenceLength: Int = 0) -> [Float] {
        precondition(headSize > 0 && headSize.isMultiple(of: 2), "a head of \(headSize) dimensions cannot be rotated")
        let plain = RotaryConfiguration.inverseFrequencies(base: base, headSize: headSize)
        switch scaling {
        case .none: return plain
        case .linear(let factor): return plain.map { $0 / Float(factor) }
        case .divided(let divisors):
            precondition(divisors.count == headSize / 2, "\(divisors.count) divisors for heads of \(headSize)")
            return zip(plain, divisors).map { $0 / $1 }
        case .dynamic(let factor, let maxPositions):
            let stretch = Double(max(sequenceLength, maxPositions)) / Double(maxPositions)
            let size = Double(headSize)
            // A head of two dimensions has one pair, whose angle per position is 1 with any base.
            let growth = headSize == 2 ? 1 : pow(factor * stretch - (factor - 1), size / (size - 2))
            return RotaryConfiguration.inverseFrequencies(base: base * growth, headSize: headSize)
        case .llama3(let factor, let low, let high, let originalPositions):
            return plain.map { frequency in
                let original = Float(originalPositions)
                let wavelength = 2 * Float.pi / frequency
                if wavelength > Float(Double(originalPositions) / low) { return frequency / Float(factor) }
                if wavelength < Float(Double(originalPositions) / high) { return frequency }
                let ramp = (original / wavelength - Float(low)) / Float(high - low)
                return (1 - ramp) * frequency / Float(factor) + ramp * frequency
            }
        }
    }

    /// The table that turns queries and keys.
    ///
    /// With dynamic scaling a position beyond `maxPositions` turns by the base of the sequence that ends with it. That
    /// is what Hugging Face computes when it decodes token by token behind a prompt of no more than `maxPositions`, and
    /// it depends on nothing but the position: keys in a cache stay right, and a row has the same bits in a prompt, in
    /// a tree and alone. A longer prompt in one pass gives other numbers there, where one base, of the whole prompt's
    /// length, turns all its positions; no later decoding step would have made those keys.
    ///
    /// - Parameter rotatedSize: how many dimensions of a head are turned; `nil`: all.
    package func table(headSize: Int, rotatedSize: Int? = nil) -> RotaryTable {
        let size = rotatedSize ?? headSize
        let still = [Float](repeating: 0, count: (headSize - size) / 2)
        let frequencies = inverseFrequencies(headSize: size) + still
        guard case .dynamic(_, let maxPositions) = scaling else {
            return RotaryTable(inverseFrequencies: frequencies, magnitude: magnitude)
        }
        return RotaryTable(
            inverseFrequencies: frequencies,
            growth: RotaryTable.Growth(start: maxPositions) {
                inverseFrequencies(headSize: size, sequenceLength: $0 + 1) + still
            })
    }

    private static func inverseFrequencies(base: Double, headSize: Int) -> [Float] {
        (0..<headSize / 2).map { 1 / pow(Float(base), Float(2 * $0) / Float(headSize)) }
    }
}

extension RotaryConfiguration {
    /// Reads both spellings: `rope_theta` with `rope_scaling` (transformers 4) and `rope_parameters` (5).
    ///
    /// - Parameters:
    ///   - fields: the model's configuration.
    ///   - maxPositions: its `max_position_embeddings`.
    ///   - needsBase: whether a missing base is an error, or 10000.
    /// - Throws: `FileError` for an unknown kind or key, a missing one, and two spellings that disagree.
    package init(fields: ConfigurationFields, maxPositions: Int, needsBase: Bool) throws {
        let nested = try ["rope_parameters", "rope_scaling"].compactMap { key in
            try fields.nested(key).map { (key: key, fields: $0) }
        }
        let scalings = try nested.map { try Scaling(fields: $0.fields, maxPositions: maxPositions) }
        if scalings.count == 2, scalings[0] != scalings[1] {
            throw fields.problem("rope_scaling", "says something else than rope_parameters; keep one of them")
        }
        let sources = [fields] + nested.map(\.fields)
        let bases = try sources.filter { $0["rope_theta"] != nil }.map { try $0.positive("rope_theta") }
        guard Set(bases).count <= 1 else {
            throw fields.problem("rope_theta", "occurs with different values: \(bases)")
        }
        guard let base = bases.first ?? (needsBase ? nil : 10000) else {
            throw fields.problem("rope_theta", "is missing")
        }
        self.init(base: base, scaling: scalings.first ?? .none)
    }

    /// Writes this configuration in the spelling of transformers 4, which version 5 reads, too.
    package func write(into object: inout JSONObject) {
        object["rope_parameters"] = nil
        object["rope_theta"] = .number(base)
        var entry = JSONObject()
        switch scaling {
        case .none:
            object["rope_scaling"] = .null
            return
        case .linear(let factor):
            entry["rope_type"] = .string("linear")
            entry["factor"] = .number(factor)
        case .dynamic(let factor, let maxPositions):
            entry["rope_type"] = .string("dynamic")
            entry["factor"] = .number(factor)
            entry["original_max_position_embeddings"] = .integer(maxPositions)
        case .llama3(let factor, let low, let high, let originalPositions):
            entry["rope_type"] = .string("llama3")
            entry["factor"] = .number(factor)
            entry["low_freq_factor"] = .number(low)
            entry["high_freq_factor"] = .number(high)
            entry["original_max_position_embeddings"] = .integer(originalPositions)
        case .divided(let divisors):
            // Phi's longrope divides by one list in short texts and by another in long ones; here both are the same.
            let list = JSONValue.array(divisors.map { .number(Double($0)) })
            entry["rope_type"] = .string("longrope")
            (entry["short_factor"], entry["long_factor"]) = (list, list)
            entry["attention_factor"] = .number(1)
        }
        object["rope_scaling"] = .object(entry)
    }
}

extension RotaryConfiguration.Scaling {
    fileprivate init(fields: ConfigurationFields, maxPositions: Int) throws {
        // Before transformers 4.43 the kind was called "type".
        let kinds = try ["rope_type", "type"].compactMap { try fields.string($0) }
        guard Set(kinds).count <= 1 else { throw fields.problem("rope_type", "and type disagree: \(kinds)") }
        var known: Set<String> = ["rope_type", "type", "rope_theta"]
        switch kinds.first ?? "default" {
        case "default": self = .none
        case "linear":
            known.insert("factor")
            self = .linear(factor: try fields.positive("factor"))
        case "dynamic":
            known.formUnion(["factor", "original_max_position_embeddings"])
            self = .dynamic(
                factor: try fields.positive("factor"),
                maxPositions: try fields.size("original_max_position_embeddings", default: maxPositions))
        case "llama3":
            known.formUnion(["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"])
            let low = try fields.positive("low_freq_factor")
            let high = try fields.positive("high_freq_factor")
            guard low < high else { throw fields.problem("high_freq_factor", "must be above low_freq_factor") }
            self = .llama3(
                factor: try fields.positive("factor"), lowFrequency: low, highFrequency: high,
                originalPositions: try fields.size("original_max_position_embeddings"))
        case "longrope":
            known.formUnion(["short_factor", "long_factor", "attention_factor", "original_max_position_embeddings"])
            let divisors = try fields.positives("short_factor")
            guard try fields.positives("long_factor") == divisors, fields["attention_factor"]?.double == 1 else {
                throw fields.problem(
                    "rope_type",
                    "'longrope' is supported only where both factors are the same and attention_factor is 1")
            }
            self = .divided(by: divisors.map { Float($0) })
        case let other:
            throw fields.problem("rope_type", "'\(other)' is not supported (default, linear, dynamic, llama3 are)")
        }
        for key in fields.object.keys where !known.contains(key) && fields[key] != nil {
            throw fields.problem(key, "is not supported")
        }
    }
}
