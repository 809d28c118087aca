extension TokenizerDefinition {
    /// Reads the `decoder` section and works out what each token spells.
    static func readDecoder(_ field: JSONField, _ vocabulary: VocabularyFile) throws -> TokenDecoder {
        var isByteLevel = false
        var replacements: [(pattern: [UInt8], content: [UInt8])] = []
        var byteFallback = false
        var stripped: (content: [UInt8], count: Int) = ([], 0)
        var droppedInFirst: [UInt8] = []
        var steps: [JSONField] = []
        if field.value != nil {
            steps = try field["type"].string() == "Sequence" ? field["decoders"].elements() : [field]
        }
        for step in steps {
            switch try step["type"].string() {
            case "ByteLevel": isByteLevel = true
            case "Replace":
                replacements.append(
                    (Array(try step["pattern"]["String"].string().utf8), Array(try step["content"].string().utf8)))
            case "ByteFallback": byteFallback = true
            case "Fuse": break
            case "Strip":
                guard try step["stop"].integer() == 0 else {
                    throw step["stop"].error("is not 0, which is not supported")
                }
                stripped = (Array(try step["content"].string().utf8), try step["start"].integer())
                guard !stripped.content.isEmpty else { throw step["content"].error("is empty") }
            case "Metaspace":
                let mark = Array(try step["replacement"].string().utf8)
                replacements.append((mark, [0x20]))
                let scheme = step["prepend_scheme"]
                let prepends =
                    try scheme.value == nil
                    ? step["add_prefix_space"].boolean(otherwise: true) : scheme.string() != "never"
                if prepends { droppedInFirst = mark }
            case let type:
                throw step["type"].error(
                    "is '\(type)'; known are ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace and Sequence")
            }
        }
        guard !isByteLevel || steps.count == 1 else { throw field.error("has other steps beside ByteLevel") }

        var pieces = [TokenDecoder.Piece](repeating: .nothing, count: vocabulary.tokens.count)
        var firstPieces: [Int32: [UInt8]] = [:]
        for (id, token) in vocabulary.tokens.enumerated() {
            guard let token else { continue }
            if isByteLevel {
                pieces[id] = .text(ByteAlphabet.rawBytes(of: token) ?? Array(token.utf8))
            } else if byteFallback, let byte = TokenDecoder.byte(of: token) {
                pieces[id] = .byte(byte)
            } else {
                let spelling = Array(token.utf8)
                pieces[id] = .text(replaced(spelling, replacements))
                if !droppedInFirst.isEmpty, spelling.starts(with: droppedInFirst) {
                    firstPieces[Int32(id)] = replaced(spelling, [(droppedInFirst, [])])
                }
            }
        }
        var isSpecial = [Bool](repeating: false, count: vocabulary.tokens.count)
        for token in vocabulary.added where token.isSpecial { isSpecial[Int(token.id)] = true }
        return TokenDecoder(
            kind: isByteLevel ? .byteLevel : steps.isEmpty ? .spaced : .text(byteFallback: byteFallback),
            strippedCount: stripped.count, stripped: stripped.content, pieces: pieces, firstPieces: firstPieces,
            isSpecial: isSpecial)
    }

    private static func replaced(
        _ spelling: [UInt8], _ replacements: [(pattern: [UInt8], content: [UInt8])]
    ) -> [UInt8] {
        var text = AlignedText(spelling, 0..<spelling.count, tracksOrigins: false)
        for (pattern, content) in replacements { text.replace(pattern, by: content) }
        return Array(text.bytes[text.range])
    }
}
