import FalconJSON

extension TokenizerDefinition {
    /// Reads the content of a `tokenizer.json`.
    ///
    /// - Parameter others: the files beside it that may name further tokens.
    /// - Returns: the definition, and what those tokens are, for the tokenizer's fingerprint; empty without any.
    /// - Throws: `TokenizerError` naming the file and the field.
    static func read(
        json: [UInt8], path: String, others: AddedTokenFiles?
    ) throws -> (definition: TokenizerDefinition, further: [UInt8]) {
        let document: JSONValue
        do {
            document = try JSONParser.parse(json)
        } catch {
            let start = Array(json.prefix(FileSignature.length))
            throw TokenizerError(path, FileSignature.problem(beginning: start) ?? "is not JSON: \(error)")
        }
        let root = JSONField(file: path, path: "", value: document)
        var file = try VocabularyFile(root["model"], root["added_tokens"])
        let own = file.vocabulary.added
        for token in try others?.tokens(beside: file.claimed) ?? [] { try file.add(token) }
        let further = file.vocabulary.added.enumerated()
            .filter { $0.offset >= own.count || own[$0.offset].token != $0.element.token }
        var steps = try Self.readPreTokenizer(root["pre_tokenizer"])
        // Bytes are spelled last of all, as the vocabulary has them: then the model may look them up itself.
        var spellsBytes = false
        if case .spellBytes? = steps.last, file.mayComeAsBytes, !Self.spellsBytes(steps.dropLast()) {
            steps.removeLast()
            spellsBytes = true
        }
        let model = try file.model(spellsBytes: spellsBytes)
        var words = PreTokenizer(steps: steps)
        if steps.isEmpty, !spellsBytes, !model.ignoresMerges { words.safeBoundary = file.merges.safeBoundary }
        let normalizers = try Self.readNormalizers(root["normalizer"])
        let (tokens, isSpecial) = try Self.spellings(of: file.vocabulary, normalizers)
        let definition = TokenizerDefinition(
            normalizers: normalizers,
            preTokenizer: words,
            model: model,
            decoder: TokenDecoder(
                steps: try Self.readDecoder(root["decoder"]), tokens: tokens, isSpecial: isSpecial),
            added: file.vocabulary.added)
        return (definition, further.flatMap { Array("\n\($0.element.token.summary)".utf8) })
    }

    private static func spellsBytes(_ steps: some Sequence<PreTokenizer.Step>) -> Bool {
        steps.contains { if case .spellBytes = $0 { true } else { false } }
    }

    private static func readNormalizers(_ field: JSONField) throws -> [Normalizer] {
        field.value == nil ? [] : try readNormalizerSteps(field)
    }

    private static func readNormalizerSteps(_ field: JSONField) throws -> [Normalizer] {
        switch try field["type"].string() {
        case "NFC": return [.canonical(.composed)]
        case "NFD": return [.canonical(.decomposed)]
        case "Prepend": return [.prepend(Array(try field["prepend"].string().utf8))]
        case "Replace":
            let content = Array(try field["content"].string().utf8)
            if field["pattern"]["Regex"].value != nil {
                let source = try field["pattern"]["Regex"].string()
                return [.replaceMatches(try expression(source, field["pattern"]), by: content)]
            }
            return [.replace(Array(try field["pattern"]["String"].string().utf8), by: content)]
        case "Lowercase": return [.lowercase]
        case "Strip":
            return [
                .strip(
                    left: try field["strip_left"].boolean(otherwise: true),
                    right: try field["strip_right"].boolean(otherwise: true))
            ]
        case "ByteLevel": return [.spellBytes]
        case "Sequence": return try field["normalizers"].elements().flatMap { try readNormalizerSteps($0) }
        case let type:
            throw field["type"].error(
                "is '\(type)'; known are NFC, NFD, Prepend, Replace, Lowercase, Strip, ByteLevel and Sequence")
        }
    }
}
