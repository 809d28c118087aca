/// A byte-pair vocabulary with its merges: turns one word into tokens.
///
/// Two kinds: byte-level (GPT-2), where a word's symbols are its bytes, and SentencePiece-style, where they are its
/// characters and a character without a token falls back to byte tokens "<0xE6>".
struct BytePairModel: Sendable {
    /// How to spell a character that has no token.
    struct Fallback: Sendable {
        /// The tokens "<0x00>"..."<0xFF>", -1 for one that the vocabulary lacks; `nil` without byte fallback.
        var byteTokens: [Int32]?
        var unknown: Int32?
        /// Whether neighbouring unknown characters become one unknown token.
        var fusesUnknown: Bool
    }

    /// Entry strings as spelled in the file, numbered; `ids` has the token of each number.
    let spellings: ByteKeyTable
    let ids: [Int32]
    let merges: MergeTable
    /// Whether a word that is an entry is taken whole, even where no merge leads to it.
    let ignoresMerges: Bool
    /// The token of each byte, -1 for none; `nil` for a model over characters.
    let byteSymbols: [Int32]?
    let fallback: Fallback

    var isByteLevel: Bool { byteSymbols != nil }

    /// The token spelled so in the file.
    func id(spelling: [UInt8]) -> Int32? {
        spellings.number(of: spelling).map { ids[$0] }
    }

    /// Leaves the tokens of the word `bytes[range]` in `workspace`, linked from symbol 0.
    func encode(_ bytes: [UInt8], _ range: Range<Int>, in workspace: inout MergeWorkspace) {
        workspace.removeAll()
        if ignoresMerges, let whole = entry(bytes, range) {
            workspace.append(whole, length: range.count)
        } else if let byteSymbols {
            spellBytes(bytes, range, byteSymbols, in: &workspace)
        } else {
            spellCharacters(bytes, range, in: &workspace)
        }
        workspace.merge(merges)
    }

    private func entry(_ bytes: [UInt8], _ range: Range<Int>) -> Int32? {
        if isByteLevel { return id(spelling: ByteAlphabet.spelling(of: bytes[range])) }
        return spellings.number(of: bytes, range).map { ids[$0] }
    }

    private func spellBytes(
        _ bytes: [UInt8], _ range: Range<Int>, _ symbols: [Int32], in workspace: inout MergeWorkspace
    ) {
        var unknown = 0
        for index in range {
            let symbol = symbols[Int(bytes[index])]
            if symbol >= 0 {
                appendUnknown(&unknown, in: &workspace)
                workspace.append(symbol, length: 1)
            } else {
                spellUnknown(length: 1, &unknown, in: &workspace)
            }
        }
        appendUnknown(&unknown, in: &workspace)
    }

    private func spellCharacters(_ bytes: [UInt8], _ range: Range<Int>, in workspace: inout MergeWorkspace) {
        var start = range.lowerBound
        var unknown = 0
        while start < range.upperBound {
            let length = UTF8Scalar.length(lead: bytes[start])
            let character = start..<start + length
            if let number = spellings.number(of: bytes, character) {
                appendUnknown(&unknown, in: &workspace)
                workspace.append(ids[number], length: length)
            } else if let byteTokens = fallback.byteTokens, bytes[character].allSatisfy({ byteTokens[Int($0)] >= 0 }) {
                // These come before an unknown character that is still waiting, as in Hugging Face tokenizers.
                for byte in bytes[character] { workspace.append(byteTokens[Int(byte)], length: 1) }
            } else {
                spellUnknown(length: length, &unknown, in: &workspace)
            }
            start += length
        }
        appendUnknown(&unknown, in: &workspace)
    }

    /// The character waits for neighbours to become one with. Without an unknown token it is dropped, as Hugging Face
    /// tokenizers do.
    private func spellUnknown(length: Int, _ waiting: inout Int, in workspace: inout MergeWorkspace) {
        guard fallback.unknown != nil else { return }
        if !fallback.fusesUnknown { appendUnknown(&waiting, in: &workspace) }
        waiting += length
    }

    private func appendUnknown(_ waiting: inout Int, in workspace: inout MergeWorkspace) {
        guard waiting > 0, let unknown = fallback.unknown else { return }
        workspace.append(unknown, length: waiting)
        waiting = 0
    }
}
