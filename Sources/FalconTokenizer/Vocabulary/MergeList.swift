/// The merges of a byte-pair vocabulary, each of two tokens into a third.
struct MergeList: Sendable {
    private(set) var table: MergeTable
    /// U+2581 where it is a token and no merge result has it behind another character, see
    /// `PreTokenizer.safeBoundary`.
    private(set) var safeBoundary: [UInt8]?

    /// - Parameters:
    ///   - count: how many there are, earlier ones first.
    ///   - sides: the two parts of each; `nil` where it has no two.
    ///   - source: what errors name.
    /// - Throws: `TokenizerError` where a merge is malformed, or a part or the result is no token.
    init(
        count: Int, of vocabulary: TokenVocabulary, source: JSONField,
        sides: (Int) throws -> (left: [UInt8], right: [UInt8])?
    ) throws {
        let mark = Array("\u{2581}".utf8)
        var isSafe = vocabulary.id(of: mark) != nil
        table = MergeTable(capacity: count)
        for rank in 0..<count {
            guard let (left, right) = try sides(rank) else {
                throw source.error("has entry \(rank), which is neither \"left right\" nor [\"left\", \"right\"]")
            }
            guard let first = vocabulary.id(of: left), let second = vocabulary.id(of: right),
                let result = vocabulary.id(of: left + right)
            else {
                throw source.error(
                    "has entry \(rank), '\(String(decoding: left, as: UTF8.self)) "
                        + "\(String(decoding: right, as: UTF8.self))', of which a part or the result is no token")
            }
            table.set(first, second, MergeTable.Merge(rank: Int32(rank), result: result))
            if isSafe, Self.hasMarkBehindOther(left + right, mark) { isSafe = false }
        }
        safeBoundary = isSafe ? mark : nil
    }

    /// The merges that scores of tokens stand for: any two tokens into one, those of a higher score earlier, and those
    /// of equal scores from left to right.
    ///
    /// - Parameters:
    ///   - scores: by id.
    ///   - isResult: whether merging may lead to the token with this id.
    init(scores: [Float], of vocabulary: TokenVocabulary, isResult: (Int) -> Bool) {
        let mark = Array("\u{2581}".utf8)
        var isSafe = vocabulary.id(of: mark) != nil
        var merges: [(left: Int32, right: Int32, merge: MergeTable.Merge)] = []
        // Only so long parts can be tokens, which bounds the work where one token is very long.
        let lengths = Set(vocabulary.tokens.compactMap { $0?.utf8.count })
        var rank: Int32 = 0
        var lastScore = Float.infinity
        for id in scores.indices.sorted(by: { scores[$0] > scores[$1] }) {
            guard isResult(id), let token = vocabulary.tokens[id].map({ Array($0.utf8) }),
                vocabulary.id(of: token) == Int32(id)
            else { continue }
            if scores[id] != lastScore { rank += 1 }
            lastScore = scores[id]
            let count = merges.count
            for cut in token.indices.dropFirst() where token[cut] & 0xc0 != 0x80 {
                guard lengths.contains(cut), lengths.contains(token.count - cut),
                    let left = vocabulary.id(of: token, 0..<cut),
                    let right = vocabulary.id(of: token, cut..<token.count)
                else { continue }
                merges.append((left, right, MergeTable.Merge(rank: rank, result: Int32(id))))
            }
            if isSafe, merges.count > count, Self.hasMarkBehindOther(token, mark) { isSafe = false }
        }
        table = MergeTable(capacity: merges.count)
        for (left, right, merge) in merges { table.set(left, right, merge) }
        safeBoundary = isSafe ? mark : nil
    }

    /// The two parts of "left right".
    static func sides(of text: String) -> (left: [UInt8], right: [UInt8])? {
        let parts = text.utf8.split(separator: 0x20, omittingEmptySubsequences: false)
        return parts.count == 2 ? (Array(parts[0]), Array(parts[1])) : nil
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
