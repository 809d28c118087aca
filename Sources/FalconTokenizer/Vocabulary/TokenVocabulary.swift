/// The tokens of a model and those added to them, each id with one token.
///
/// Added tokens get their ids as in Hugging Face tokenizers: that of the vocabulary where it has the token, else the
/// next one after all others, whatever id a file names.
struct TokenVocabulary: Sendable {
    /// The string of each id; `nil` for ids between others that have no token.
    private(set) var tokens: [String?]
    /// Whether decoding may leave a token out, by id. Once special, a token stays so.
    private(set) var isSpecial: [Bool]
    /// In order of their first mention, each as last described.
    private(set) var added: [(id: Int32, token: AddedToken)] = []
    /// The model's tokens by spelling; `ids` has the id of each number.
    let spellings: ByteKeyTable
    let ids: [Int32]
    /// Places in `added` by spelling.
    private var places = ByteKeyTable()
    private var highestAdded: Int32 = -1
    private let source: JSONField

    /// - Parameters:
    ///   - named: the model's tokens. Where two have one spelling the later one holds.
    ///   - source: what errors name.
    /// - Throws: `TokenizerError` where two tokens have one id, or an id is far beyond the number of tokens: what is
    ///   kept by id would be as large as it claims.
    init(_ named: [(token: String, id: Int)], source: JSONField) throws {
        var spellings = ByteKeyTable(capacity: named.count)
        var ids: [Int32] = []
        ids.reserveCapacity(named.count)
        tokens = []
        for (token, id) in named {
            guard id >= 0, id < 2 * named.count + 65_536 else {
                throw source.error("has the id \(id), which does not fit a vocabulary of \(named.count) tokens")
            }
            let spelling = Array(token.utf8)
            if let number = spellings.number(of: spelling) {
                ids[number] = Int32(id)
            } else {
                spellings.insert(spelling, 0..<spelling.count)
                ids.append(Int32(id))
            }
            if id >= tokens.count { tokens += [String?](repeating: nil, count: id + 1 - tokens.count) }
            if let other = tokens[id], !other.utf8.elementsEqual(token.utf8) {
                throw source.error("gives both '\(other)' and '\(token)' the id \(id)")
            }
            tokens[id] = token
        }
        isSpecial = [Bool](repeating: false, count: tokens.count)
        self.spellings = spellings
        self.ids = ids
        self.source = source
    }

    /// The id of a token of the model.
    func id(of spelling: [UInt8]) -> Int32? {
        id(of: spelling, 0..<spelling.count)
    }

    /// The id of the token of the model that a part of a text spells.
    func id(of text: [UInt8], _ part: Range<Int>) -> Int32? {
        spellings.number(of: text, part).map { ids[$0] }
    }

    /// An error about the file that the tokens come from.
    func error(_ problem: String) -> TokenizerError {
        TokenizerError(source.file, problem)
    }

    /// Whether this is the spelling of an added token that decoding may leave out.
    func isSpecial(spelling: [UInt8]) -> Bool {
        places.number(of: spelling).map { isSpecial[Int(added[$0].id)] } ?? false
    }

    /// Adds a token, or describes one in another way.
    ///
    /// - Throws: `TokenizerError` where the next id has a token already, since the vocabulary leaves ids out.
    mutating func add(_ token: AddedToken) throws {
        let spelling = Array(token.content.utf8)
        if let place = places.number(of: spelling) {
            added[place].token = token
            if token.isSpecial { isSpecial[Int(added[place].id)] = true }
            return
        }
        let id = id(of: spelling) ?? max(Int32(spellings.count), highestAdded + 1)
        if Int(id) >= tokens.count { tokens += [String?](repeating: nil, count: Int(id) + 1 - tokens.count) }
        if let other = tokens[Int(id)], !other.utf8.elementsEqual(token.content.utf8) {
            throw source.error("has no free id for the added token '\(token.content)': '\(other)' has the id \(id)")
        }
        tokens[Int(id)] = token.content
        isSpecial += [Bool](repeating: false, count: tokens.count - isSpecial.count)
        if token.isSpecial { isSpecial[Int(id)] = true }
        places.insert(spelling, 0..<spelling.count)
        highestAdded = max(highestAdded, id)
        added.append((id, token))
    }
}
