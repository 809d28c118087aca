import FalconTensor

/// The architectures of GGUF files that Falcon computes, by llama.cpp's names; each is one of our families.
enum GGUFArchitecture: String, CaseIterable {
    /// Llama, and Mistral, which llama.cpp stores as Llama.
    case llama
    case qwen2, qwen3

    /// - Throws: `FileError` where the key is missing or names another one.
    init(_ metadata: GGUFMetadata) throws {
        let key = "general.architecture"
        guard let name = try metadata.string(key) else { throw metadata.problem(key, "is missing") }
        guard let architecture = GGUFArchitecture(rawValue: name) else {
            let known = GGUFArchitecture.allCases.map(\.rawValue).joined(separator: ", ")
            throw metadata.problem(key, "is \(name.shown), which is not supported; \(known) are")
        }
        self = architecture
    }

    var family: ModelFamily {
        switch self {
        case .llama: .llama
        case .qwen2: .qwen2
        case .qwen3: .qwen3
        }
    }

    /// Whether the converter put rotary pairs of queries and keys side by side.
    var pairsRotaryRows: Bool { self == .llama }

    /// Whether biases may be there, as the file has them; in other architectures the family alone says it.
    var hasOptionalBiases: Bool { self == .llama }
}

/// The settings of an architecture, `llama.block_count` and so on, with their type and range checked.
struct GGUFFields {
    let metadata: GGUFMetadata
    let prefix: String

    init(_ metadata: GGUFMetadata, _ architecture: GGUFArchitecture) {
        self.metadata = metadata
        prefix = architecture.rawValue + "."
    }

    func problem(_ key: String, _ text: String) -> FileError { metadata.problem(prefix + key, text) }

    func contains(_ key: String) -> Bool { metadata.contains(prefix + key) }

    /// A whole number from 1 to 2^31 - 1, so that products of two sizes never overflow.
    func size(_ key: String, default standard: Int? = nil) throws -> Int {
        if case .array? = metadata[prefix + key] { throw problem(key, "differs by layer, which is not supported") }
        guard let number = try metadata.integer(prefix + key) else {
            guard let standard else { throw problem(key, "is missing") }
            return standard
        }
        guard (1...Int(Int32.max)).contains(number) else {
            throw problem(key, "must be a whole number from 1 to 2147483647, not \(number)")
        }
        return number
    }

    /// A number above 0.
    func positive(_ key: String, default standard: Double? = nil) throws -> Double {
        guard let number = try metadata.real(prefix + key) else {
            guard let standard else { throw problem(key, "is missing") }
            return standard
        }
        guard number > 0, number.isFinite else { throw problem(key, "must be a number above 0, not \(number)") }
        return number
    }

    func string(_ key: String) throws -> String? { try metadata.string(prefix + key) }
}
