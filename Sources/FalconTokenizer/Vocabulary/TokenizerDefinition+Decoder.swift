extension TokenizerDefinition {
    /// Reads the `decoder` section.
    ///
    /// - Throws: `TokenizerError` naming the field, also for a kind of decoder that is not known.
    static func readDecoder(_ field: JSONField) throws -> [TokenDecoder.Step] {
        field.value == nil ? [.space] : try readSteps(field)
    }

    private static func readSteps(_ field: JSONField) throws -> [TokenDecoder.Step] {
        switch try field["type"].string() {
        case "Sequence": return try field["decoders"].elements().flatMap { try readSteps($0) }
        case "ByteLevel": return [.spell, .readUTF8]
        case "ByteFallback": return [.byteFallback]
        case "Fuse": return [.fuse]
        case "Replace":
            let pattern = Array(try field["pattern"]["String"].string().utf8)
            guard !pattern.isEmpty else { throw field["pattern"].error("is empty") }
            return [.replace(pattern, by: Array(try field["content"].string().utf8))]
        case "Strip":
            return [
                .strip(
                    try character(field["content"]), start: try count(field["start"]), stop: try count(field["stop"]))
            ]
        case "Metaspace":
            let scheme = field["prepend_scheme"]
            let prepends =
                try scheme.value == nil
                ? field["add_prefix_space"].boolean(otherwise: true) : scheme.string() != "never"
            return [.metaspace(try character(field["replacement"]), dropsInFirst: prepends)]
        case let type:
            throw field["type"].error(
                "is '\(type)'; known are ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace and Sequence")
        }
    }

    private static func count(_ field: JSONField) throws -> Int {
        let count = try field.integer()
        guard count >= 0 else { throw field.error("is \(count), less than 0") }
        return count
    }

    private static func character(_ field: JSONField) throws -> [UInt8] {
        let text = try field.string()
        guard text.unicodeScalars.count == 1 else { throw field.error("is '\(text)' and should be one character") }
        return Array(text.utf8)
    }
}
