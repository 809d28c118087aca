import FalconJSON

extension TokenizerDefinition {
    /// Reads the content of a `tokenizer.json`.
    ///
    /// - Throws: `TokenizerError` naming the file and the field.
    init(json: [UInt8], path: String) throws {
        let document: JSONValue
        do {
            document = try JSONParser.parse(json)
        } catch {
            throw TokenizerError(path, "is not JSON: \(error)")
        }
        let root = JSONField(file: path, path: "", value: document)
        let preTokenizer = try Self.readPreTokenizer(root["pre_tokenizer"])
        let vocabulary = try VocabularyFile(root["model"], root["added_tokens"])
        let model = try vocabulary.model(isByteLevel: preTokenizer.isByteLevel)
        var words = preTokenizer.cutting
        if !preTokenizer.isByteLevel, !model.ignoresMerges, words.patterns.isEmpty {
            words.safeBoundary = vocabulary.safeBoundary
        }
        self.init(
            normalizers: try Self.readNormalizers(root["normalizer"]),
            preTokenizer: words,
            model: model,
            decoder: try Self.readDecoder(root["decoder"], vocabulary),
            added: vocabulary.added)
    }

    private static func readNormalizers(_ field: JSONField) throws -> [Normalizer] {
        guard field.value != nil else { return [] }
        switch try field["type"].string() {
        case "NFC": return [.composition]
        case "Prepend": return [.prepend(Array(try field["prepend"].string().utf8))]
        case "Replace":
            let pattern = Array(try field["pattern"]["String"].string().utf8)
            return [.replace(pattern, by: Array(try field["content"].string().utf8))]
        case "Sequence": return try field["normalizers"].elements().flatMap { try readNormalizers($0) }
        case let type: throw field["type"].error("is '\(type)'; known are NFC, Prepend, Replace and Sequence")
        }
    }

    private static func readPreTokenizer(_ field: JSONField) throws -> (cutting: PreTokenizer, isByteLevel: Bool) {
        var cutting = PreTokenizer()
        var isByteLevel = false
        guard field.value != nil else { return (cutting, isByteLevel) }
        let steps = try field["type"].string() == "Sequence" ? field["pretokenizers"].elements() : [field]
        for step in steps {
            guard !isByteLevel, cutting.metaspace == nil else {
                throw step.error("comes after ByteLevel or Metaspace, which has to be the last step")
            }
            switch try step["type"].string() {
            case "Split": cutting.patterns.append(try readSplit(step))
            case "Digits":
                cutting.patterns.append(.digits(individual: try step["individual_digits"].boolean(otherwise: false)))
            case "ByteLevel":
                isByteLevel = true
                if try step["add_prefix_space"].boolean(otherwise: true) {
                    guard cutting.patterns.isEmpty else {
                        throw step["add_prefix_space"].error("is true after a Split, which is not supported")
                    }
                    cutting.addsPrefixSpace = true
                }
                if try step["use_regex"].boolean(otherwise: true) { cutting.patterns.append(.gpt2) }
            case "Metaspace":
                guard cutting.patterns.isEmpty else {
                    throw step.error("is a Metaspace after a Split, which is not supported")
                }
                cutting.metaspace = try readMetaspace(step)
            case let type:
                throw step["type"].error("is '\(type)'; known are Split, Digits, ByteLevel, Metaspace and Sequence")
            }
        }
        return (cutting, isByteLevel)
    }

    private static func readSplit(_ field: JSONField) throws -> WordPattern {
        let expression = try field["pattern"]["Regex"].string()
        guard let pattern = WordPattern(regularExpression: expression) else {
            throw field["pattern"].error(
                "is a regular expression that is not known; known are those of GPT-2, Llama 3 and Qwen 2")
        }
        // These patterns match every character, so taking the matches apart or dropping what lies between is the same.
        let behavior = try field["behavior"].string()
        let isInverted = try field["invert"].boolean(otherwise: false)
        guard behavior == "Isolated" || (behavior == "Removed" && isInverted) else {
            throw field["behavior"].error("is '\(behavior)'; known are Isolated, and Removed with 'invert'")
        }
        return pattern
    }

    private static func readMetaspace(_ field: JSONField) throws -> PreTokenizer.Metaspace {
        let scheme = field["prepend_scheme"]
        let prepending: PreTokenizer.Metaspace.Prepending
        if scheme.value == nil {
            // Files from before the scheme had a flag.
            prepending = try field["add_prefix_space"].boolean(otherwise: true) ? .always : .never
        } else {
            switch try scheme.string() {
            case "first": prepending = .first
            case "always": prepending = .always
            case "never": prepending = .never
            case let name: throw scheme.error("is '\(name)'; known are first, always and never")
            }
        }
        let replacement = Array(try field["replacement"].string().utf8)
        guard !replacement.isEmpty else { throw field["replacement"].error("is empty") }
        return PreTokenizer.Metaspace(
            replacement: replacement, prepending: prepending, splits: try field["split"].boolean(otherwise: true))
    }
}
