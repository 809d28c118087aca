import FalconJSON

/// The `model` and `added_tokens` sections of a `tokenizer.json`, checked: every id names one token, and every merge
/// joins two tokens into a third.
struct VocabularyFile {
    private(set) var vocabulary: TokenVocabulary
    /// The entries of `added_tokens` with the ids that they name, which are not always those that they get.
    private(set) var claimed: [(id: Int, token: AddedToken)] = []
    let merges: MergeList
    private let field: JSONField
    private let hasByteFallback: Bool

    /// - Throws: `TokenizerError` naming the field, also for a model that is not known.
    init(_ model: JSONField, _ addedTokens: JSONField) throws {
        field = model
        // Files from before the field had only byte-pair models with merges here.
        if model["type"].value != nil, try model["type"].string() != "BPE" {
            throw model["type"].error("is '\(try model["type"].string())'; only BPE is known")
        }
        for affix in ["continuing_subword_prefix", "end_of_word_suffix"] where model[affix].value != nil {
            guard try model[affix].string().isEmpty else { throw model[affix].error("is not supported") }
        }
        if let dropout = model["dropout"].value, dropout.double != 0 {
            throw model["dropout"].error("is not supported; set it to null")
        }
        hasByteFallback = try model["byte_fallback"].boolean(otherwise: false)

        let named = try model["vocab"].members().map { member in
            guard let id = member.value.integer else {
                throw model["vocab"].error("gives '\(member.key)' no integer id")
            }
            return (token: member.key, id: id)
        }
        vocabulary = try TokenVocabulary(named, source: model["vocab"])
        for entry in addedTokens.value == nil ? [] : try addedTokens.elements() {
            let token = try AddedToken(entry)
            claimed.append((try entry["id"].integer(), token))
            try vocabulary.add(token)
        }

        guard let list = model["merges"].value?.array else { throw model["merges"].error("is missing or no list") }
        merges = try MergeList(count: list.count, of: vocabulary, source: model["merges"]) { Self.sides(of: list[$0]) }
    }

    /// Adds a token that stands in another file.
    mutating func add(_ token: AddedToken) throws {
        try vocabulary.add(token)
    }

    /// The model that encodes words with this vocabulary.
    ///
    /// - Parameter spellsBytes: whether words come as raw bytes, to be spelled in the alphabet of bytes.
    func model(spellsBytes: Bool) throws -> BytePairModel {
        var fallback = BytePairModel.Fallback(
            byteTokens: nil, unknown: nil, fusesUnknown: try field["fuse_unk"].boolean(otherwise: false))
        if hasByteFallback {
            fallback.byteTokens = ByteAlphabet.byteTokenNames.map { vocabulary.id(of: $0) ?? -1 }
        }
        let symbols = spellsBytes ? byteSymbols : nil
        if field["unk_token"].value != nil {
            let name = try field["unk_token"].string()
            fallback.unknown = id(of: name)
            // Without one no text may need it.
            let isNeeded = (symbols ?? fallback.byteTokens)?.contains(-1) ?? true
            guard fallback.unknown != nil || !isNeeded else {
                throw field["unk_token"].error("is '\(name)', which is no token")
            }
        }
        return BytePairModel(
            spellings: vocabulary.spellings, ids: vocabulary.ids, merges: merges.table,
            ignoresMerges: try field["ignore_merges"].boolean(otherwise: false), byteSymbols: symbols,
            fallback: fallback)
    }

    /// Whether words may come as raw bytes: not where the bytes of a spelled byte are to be looked up.
    var mayComeAsBytes: Bool {
        !hasByteFallback || !byteSymbols.contains(-1)
    }

    private var byteSymbols: [Int32] {
        ByteAlphabet.spellings.map { vocabulary.id(of: $0) ?? -1 }
    }

    private func id(of token: String) -> Int32? {
        vocabulary.id(of: Array(token.utf8))
    }

    private static func sides(of entry: JSONValue) -> (left: [UInt8], right: [UInt8])? {
        if let text = entry.string { return MergeList.sides(of: text) }
        guard let pair = entry.array, pair.count == 2, let left = pair[0].string, let right = pair[1].string else {
            return nil
        }
        return (Array(left.utf8), Array(right.utf8))
    }
}
