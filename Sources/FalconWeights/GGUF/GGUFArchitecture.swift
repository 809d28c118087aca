import FalconTensor

/// The architecture of a GGUF file that Falcon computes: one of our families, under llama.cpp's name.
struct GGUFArchitecture {
    let family: ModelFamily
    let traits: ModelFamily.GGUFTraits

    /// - Throws: `FileError` where the key is missing or names another one.
    init(_ metadata: GGUFMetadata) throws {
        let key = "general.architecture"
        guard let name = try metadata.string(key) else { throw metadata.problem(key, "is missing") }
        let all = ModelFamily.allCases.compactMap { family in family.traits.gguf.map { (family, $0) } }
        guard let (family, traits) = all.first(where: { $0.1.name == name }) else {
            let known = all.map(\.1.name).joined(separator: ", ")
            throw metadata.problem(key, "is \(name.shown), which is not supported; \(known) are")
        }
        (self.family, self.traits) = (family, traits)
    }
}

/// The settings of an architecture, `llama.block_count` and so on, with their type and range checked.
struct GGUFFields {
    let metadata: GGUFMetadata
    let prefix: String

    init(_ metadata: GGUFMetadata, _ architecture: GGUFArchitecture) {
        self.metadata = metadata
        prefix = architecture.traits.name + "."
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
