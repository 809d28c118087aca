import FalconJSON

/// The `model` and `added_tokens` sections of a `tokenizer.json`, checked: every id names one token, and every merge
/// joins two tokens into a third.
struct VocabularyFile {
    /// The string of each id; `nil` for ids between others that have no token.
    let tokens: [String?]
    let added: [AddedToken]
    private let field: JSONField
    private let spellings: ByteKeyTable
    private let ids: [Int32]
    private let pairs: [(left: Int32, right: Int32, result: Int32)]
    /// U+2581 where it is a token and no merge result has it behind another character, see
    /// `PreTokenizer.safeBoundary`.
    let safeBoundary: [UInt8]?

    init(_ model: JSONField, _ addedTokens: JSONField) throws {
        field = model
        // Files from before the field had only byte-pair models with merges here.
        if model["type"].value != nil, try model["type"].string() != "BPE" {
            throw model["type"].error("is '\(try model["type"].string())'; only BPE is known")
        }
        for affix in ["continuing_subword_prefix", "end_of_word_suffix"] where model[affix].value != nil {
            guard try model[affix].string().isEmpty else { throw model[affix].error("is not supported") }
        }
        if case .number(let dropout)? = model["dropout"].value, dropout > 0 {
            throw model["dropout"].error("is not supported; set it to null")
        }

        let members = try model["vocab"].members()
        var spellings = ByteKeyTable(capacity: members.count)
        var ids: [Int32] = []
        ids.reserveCapacity(members.count)
        var named: [(token: String, id: Int)] = []
        named.reserveCapacity(members.count)
        for member in members {
            guard let id = member.value.integer else {
                throw model["vocab"].error("gives '\(member.key)' no integer id")
            }
            let spelling = Array(member.key.utf8)
            spellings.insert(spelling, 0..<spelling.count)
            ids.append(try Self.checked(id, members.count, model["vocab"]))
            named.append((member.key, id))
        }

        var added: [AddedToken] = []
        for entry in addedTokens.value == nil ? [] : try addedTokens.elements() {
            let content = try entry["content"].string()
            guard !content.isEmpty else { throw entry["content"].error("is empty") }
            let claimed = try Self.checked(try entry["id"].integer(), members.count, entry["id"])
            // Where the vocabulary has the token, its id holds, as in Hugging Face tokenizers.
            let id = spellings.number(of: Array(content.utf8)).map { ids[$0] } ?? claimed
            added.append(
                AddedToken(
                    id: id, content: content,
                    isSpecial: try entry["special"].boolean(otherwise: false),
                    stripsLeft: try entry["lstrip"].boolean(otherwise: false),
                    stripsRight: try entry["rstrip"].boolean(otherwise: false),
                    isNormalized: try entry["normalized"].boolean(otherwise: true),
                    isSingleWord: try entry["single_word"].boolean(otherwise: false)))
            named.append((content, Int(id)))
        }

        var tokens = [String?](repeating: nil, count: (named.map(\.id).max() ?? -1) + 1)
        for (token, id) in named {
            if let other = tokens[id], !other.utf8.elementsEqual(token.utf8) {
                throw model["vocab"].error("or 'added_tokens' give both '\(other)' and '\(token)' the id \(id)")
            }
            tokens[id] = token
        }
        self.tokens = tokens
        self.added = added
        self.spellings = spellings
        self.ids = ids
        (pairs, safeBoundary) = try Self.readMerges(model["merges"], spellings, ids)
    }

    /// The model that encodes words with this vocabulary.
    func model(isByteLevel: Bool) throws -> BytePairModel {
        var merges = MergeTable(capacity: pairs.count)
        for (rank, pair) in pairs.enumerated() {
            merges.set(pair.left, pair.right, MergeTable.Merge(rank: Int32(rank), result: pair.result))
        }
        var fallback = BytePairModel.Fallback(
            byteTokens: nil, unknown: nil, fusesUnknown: try field["fuse_unk"].boolean(otherwise: false))
        if field["unk_token"].value != nil {
            let name = try field["unk_token"].string()
            guard let id = id(of: name) else { throw field["unk_token"].error("is '\(name)', which is no token") }
            fallback.unknown = id
        }
        if try field["byte_fallback"].boolean(otherwise: false) {
            let bytes = (0..<256).compactMap { byte in
                id(of: "<0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) + ">")
            }
            if bytes.count == 256 { fallback.byteTokens = bytes }
        }
        return BytePairModel(
            spellings: spellings, ids: ids, merges: merges,
            ignoresMerges: try field["ignore_merges"].boolean(otherwise: false),
            byteSymbols: isByteLevel
                ? ByteAlphabet.spellings.map { spelling in spellings.number(of: spelling).map { ids[$0] } ?? -1 } : nil,
            fallback: fallback)
    }

    private func id(of token: String) -> Int32? {
        spellings.number(of: Array(token.utf8)).map { ids[$0] }
    }

    /// An id may not be far beyond the number of tokens: what is kept by id would be as large as it claims.
    private static func checked(_ id: Int, _ count: Int, _ field: JSONField) throws -> Int32 {
        guard id >= 0, id < 2 * count + 65_536 else {
            throw field.error("has the id \(id), which does not fit a vocabulary of \(count) tokens")
        }
        return Int32(id)
    }

    private static func readMerges(
        _ field: JSONField, _ spellings: ByteKeyTable, _ ids: [Int32]
    ) throws -> (pairs: [(left: Int32, right: Int32, result: Int32)], safeBoundary: [UInt8]?) {
        guard let list = field.value?.array else { throw field.error("is missing or no list") }
        let mark = Array("\u{2581}".utf8)
        var isSafe = spellings.number(of: mark) != nil
        var pairs: [(left: Int32, right: Int32, result: Int32)] = []
        pairs.reserveCapacity(list.count)
        for (rank, entry) in list.enumerated() {
            guard let (left, right) = sides(of: entry) else {
                throw field.error("has entry \(rank), which is neither \"left right\" nor [\"left\", \"right\"]")
            }
            guard let first = spellings.number(of: left), let second = spellings.number(of: right),
                let result = spellings.number(of: left + right)
            else {
                throw field.error(
                    "has entry \(rank), '\(String(decoding: left, as: UTF8.self)) "
                        + "\(String(decoding: right, as: UTF8.self))', of which a part or the result is no token")
            }
            pairs.append((ids[first], ids[second], ids[result]))
            if isSafe, hasMarkBehindOther(left + right, mark) { isSafe = false }
        }
        return (pairs, isSafe ? mark : nil)
    }

    private static func sides(of entry: JSONValue) -> ([UInt8], [UInt8])? {
        if let text = entry.string {
            let parts = text.utf8.split(separator: 0x20, omittingEmptySubsequences: false)
            return parts.count == 2 ? (Array(parts[0]), Array(parts[1])) : nil
        }
        guard let pair = entry.array, pair.count == 2, let left = pair[0].string, let right = pair[1].string else {
            return nil
        }
        return (Array(left.utf8), Array(right.utf8))
    }

    private static func hasMarkBehindOther(_ token: [UInt8], _ mark: [UInt8]) -> Bool {
        guard token.contains(mark[0]) else { return false }
        var text = token[...]
        while text.starts(with: mark) { text = text.dropFirst(mark.count) }
        while !text.isEmpty {
            if text.starts(with: mark) { return true }
            text = text.dropFirst()
        }
        return false
    }
}
