extension TokenizerDefinition {
    /// Reads the `pre_tokenizer` section.
    ///
    /// - Throws: `TokenizerError` naming the field, also for a kind of step that is not known.
    static func readPreTokenizer(_ field: JSONField) throws -> [PreTokenizer.Step] {
        field.value == nil ? [] : try readSteps(field)
    }

    private static func readSteps(_ field: JSONField) throws -> [PreTokenizer.Step] {
        switch try field["type"].string() {
        case "Sequence": return try field["pretokenizers"].elements().flatMap { try readSteps($0) }
        case "Split": return [try readSplit(field)]
        case "Digits":
            return [.words(.digits(individual: try field["individual_digits"].boolean(otherwise: false)))]
        case "Punctuation":
            let behavior = field["behavior"]
            return [
                .split(
                    try expression(#"[\p{P}$+<=>^`|~]"#, field),
                    behavior.value == nil ? .isolated : try readBehavior(behavior), isInverted: false)
            ]
        case "Whitespace": return [.split(try WordExpression.words(), .removed, isInverted: true)]
        case "WhitespaceSplit": return [.split(try expression(#"\s"#, field), .removed, isInverted: false)]
        case "ByteLevel":
            var steps: [PreTokenizer.Step] = []
            if try field["add_prefix_space"].boolean(otherwise: true) { steps.append(.prefixSpace) }
            if try field["use_regex"].boolean(otherwise: true) { steps.append(.words(.gpt2)) }
            return steps + [.spellBytes]
        case "Metaspace": return [.metaspace(try readMetaspace(field))]
        case let type:
            throw field["type"].error(
                "is '\(type)'; known are Split, Digits, Punctuation, Whitespace, WhitespaceSplit, ByteLevel, "
                    + "Metaspace and Sequence")
        }
    }

    private static func readSplit(_ field: JSONField) throws -> PreTokenizer.Step {
        let behavior = try readBehavior(field["behavior"])
        let isInverted = try field["invert"].boolean(otherwise: false)
        if field["pattern"]["String"].value != nil {
            let text = try field["pattern"]["String"].string()
            do {
                return .split(try WordExpression(text: text), behavior, isInverted: isInverted)
            } catch {
                throw field["pattern"].error("\(error.problem)")
            }
        }
        let source = try field["pattern"]["Regex"].string()
        // The matches of these cover every text, so that they are the words, whatever lies between.
        if let pattern = WordPattern(regularExpression: source),
            behavior == .isolated || (behavior == .removed && isInverted)
        {
            return .words(pattern)
        }
        return .split(try expression(source, field["pattern"]), behavior, isInverted: isInverted)
    }

    private static func readBehavior(_ field: JSONField) throws -> PreTokenizer.Behavior {
        let name = try field.string()
        guard let behavior = PreTokenizer.Behavior(rawValue: name) else {
            throw field.error(
                "is '\(name)'; known are Isolated, Removed, Contiguous, MergedWithPrevious and MergedWithNext")
        }
        return behavior
    }

    /// - Throws: `TokenizerError` naming `field` for an expression that is wrong or not supported.
    static func expression(_ source: String, _ field: JSONField) throws -> WordExpression {
        do {
            return try WordExpression(source)
        } catch {
            throw field.error("is a regular expression that \(error.problem)")
        }
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
